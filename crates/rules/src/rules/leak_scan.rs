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
