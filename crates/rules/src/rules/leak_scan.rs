use super::{Check, Rule};
use crate::{Answer, Case, LeakScan, Pin};

pub const RULE: Rule = Rule {
    id: "leak-scan",
    text: "No validation data stands among the training data, or less than the category allows.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let runs = case.runs.iter();
    let manifests: Vec<&str> = runs
        .map(|run| run.log.run.data.manifest_sha256.as_str())
        .collect();
    let pinned = |manifest: &&str| matches!(&case.category.manifest, Pin::Sha256(pin) if pin == manifest);
    let scan = case.facts.leak_scan.as_ref();
    // Who pinned it chose the data, with whatever a scan finds in it.
    if !manifests.is_empty() && manifests.iter().all(pinned) {
        let found = scan.map_or(String::new(), |scan| {
            format!("; a scan finds {}", found(case, scan))
        });
        return Answer::pass(format!("the category fixes the data by its manifest{found}"));
    }
    let Some(scan) = scan else {
        return Answer::cannot_tell("a scan of the training data: `blueberry data scan`");
    };
    let other = |manifest: &&&str| **manifest != scan.manifest_sha256;
    if let Some(other) = manifests.iter().find(other) {
        return Answer::cannot_tell(format!(
            "a scan of manifest {other}: the one here is of {}",
            scan.manifest_sha256
        ));
    }
    let (found, most) = (found(case, scan), percent(case.category.overlap_at_most));
    if share(case, scan) > case.category.overlap_at_most {
        let first = scan.first.as_deref().unwrap_or("place not recorded");
        return Answer::fail(format!("{found}, at most {most} may be; the first: {first}"));
    }
    Answer::pass(format!("{found}, at most {most} may be"))
}

/// What a scan found, in words.
fn found(case: &Case, scan: &LeakScan) -> String {
    let (windows, targets) = (scan.overlapping_windows, scan.covered_targets);
    let share = percent(share(case, scan));
    format!("{windows} windows with {targets} validation targets, {share} of them")
}

fn percent(share: f64) -> String {
    format!("{:.3} %", 100.0 * share)
}

/// The part of the validation targets that a scan found; all of them where nobody says how many there are.
fn share(case: &Case, scan: &LeakScan) -> f64 {
    let evals = case.runs.iter().flat_map(|run| run.log.evals());
    let logged = || evals.map(|eval| eval.targets).min();
    let targets = case.category.validation_targets.or_else(logged).unwrap_or(0);
    match scan.covered_targets {
        0 => 0.0,
        covered => (covered as f64 / targets as f64).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Submission, hex};
    use crate::{LeakScan, Pin};

    /// A scan of 128 validation targets.
    fn scanned(manifest: char, windows: u64, targets: u64) -> Submission {
        let mut submission = Submission::valid();
        submission.category().manifest = Pin::Any;
        submission.facts.leak_scan = Some(LeakScan {
            manifest_sha256: hex(manifest),
            overlapping_windows: windows,
            covered_targets: targets,
            first: Some("train-00.bin:4096".into()),
        });
        submission
    }

    #[test]
    fn validation_documents_among_the_training_data_are_found() {
        scanned('a', 0, 0).passes("leak-scan");
        let found = scanned('a', 1, 3);
        found.fails("leak-scan", "train-00.bin:4096");
        let words = "1 windows with 3 validation targets, 2.344 % of them, at most 0.000 % may be";
        found.fails("leak-scan", words);
    }

    #[test]
    fn a_category_may_allow_a_share_of_the_targets() {
        let allowing = |targets| {
            let mut submission = scanned('a', 1, targets);
            submission.category().overlap_at_most = 2.0 / 128.0;
            submission
        };
        allowing(2).passes("leak-scan");
        let answer = allowing(2).answer("leak-scan");
        let words = "1 windows with 2 validation targets, 1.562 % of them, at most 1.562 % may be";
        assert_eq!(answer.words(), words);
        allowing(3).fails("leak-scan", "2.344 % of them, at most 1.562 %");
        // Where the category does not say how many there are, the logs do.
        let mut submission = allowing(3);
        submission.category().validation_targets = None;
        submission.fails("leak-scan", "2.344 % of them");
    }

    #[test]
    fn a_scan_of_other_data_says_nothing() {
        scanned('e', 0, 0).cannot_tell("leak-scan", "the one here is of");
    }

    #[test]
    fn a_pinned_manifest_needs_no_scan_and_other_data_does() {
        let mut submission = Submission::valid();
        submission.passes("leak-scan");
        submission.category().manifest = Pin::Any;
        submission.cannot_tell("leak-scan", "data scan");
    }

    /// Else a scan of the official data could make every run on it ineligible.
    #[test]
    fn a_pinned_manifest_stands_whatever_a_scan_finds() {
        let mut submission = scanned('a', 1, 3);
        submission.category().manifest = Pin::Sha256(hex('a'));
        submission.passes("leak-scan");
        let answer = submission.answer("leak-scan");
        assert!(
            answer
                .words()
                .contains("1 windows with 3 validation targets, 2.344 %"),
            "{answer:?}"
        );
    }
}
