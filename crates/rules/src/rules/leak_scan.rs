use super::{Check, Rule};
use crate::Pin;
use crate::{Answer, Case};

pub const RULE: Rule = Rule {
    id: "leak-scan",
    text: "No validation data stands among the training data.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let manifests: Vec<&str> = case
        .runs
        .iter()
        .map(|run| run.log.run.data.manifest_sha256.as_str())
        .collect();
    if let Some(scan) = &case.facts.leak_scan {
        if let Some(other) = manifests
            .iter()
            .find(|&&manifest| manifest != scan.manifest_sha256)
        {
            return Answer::cannot_tell(format!(
                "a scan of manifest {other}: the one here is of {}",
                scan.manifest_sha256
            ));
        }
        if scan.overlapping_windows > 0 {
            let (windows, targets) = (scan.overlapping_windows, scan.covered_targets);
            let first = scan.first.as_deref().unwrap_or("place not recorded");
            return Answer::fail(format!(
                "{windows} windows with {targets} validation targets; the first: {first}"
            ));
        }
        return Answer::pass("the scan found none");
    }
    let scanned = |manifest: &&str| matches!(&case.category.manifest, Pin::Sha256(pin) if pin == manifest);
    if !manifests.is_empty() && manifests.iter().all(scanned) {
        return Answer::pass("the category's manifest was scanned when it was pinned");
    }
    Answer::cannot_tell("a scan of the training data: `blueberry data scan`")
}

#[cfg(test)]
mod tests {
    use crate::testing::{Submission, hex};
    use crate::{LeakScan, Pin};

    fn scanned(manifest: char, windows: u64) -> Submission {
        let mut submission = Submission::valid();
        submission.category().manifest = Pin::Any;
        submission.facts.leak_scan = Some(LeakScan {
            manifest_sha256: hex(manifest),
            overlapping_windows: windows,
            covered_targets: 64 * windows,
            first: Some("train-00.bin:4096".into()),
        });
        submission
    }

    #[test]
    fn validation_documents_among_the_training_data_are_found() {
        scanned('a', 0).passes("leak-scan");
        scanned('a', 3).fails("leak-scan", "train-00.bin:4096");
    }

    #[test]
    fn a_scan_of_other_data_says_nothing() {
        scanned('e', 0).cannot_tell("leak-scan", "the one here is of");
    }

    #[test]
    fn a_pinned_manifest_needs_no_scan_and_other_data_does() {
        let mut submission = Submission::valid();
        submission.passes("leak-scan");
        submission.category().manifest = Pin::Any;
        submission.cannot_tell("leak-scan", "data scan");
    }
}
