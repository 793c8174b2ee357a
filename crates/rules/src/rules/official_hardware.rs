use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "official-hardware",
    text: "Times count on the category's official device; on another one a verifier decides.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let Some(official) = case.category.hardware.as_deref() else {
        return Answer::not_applicable("the category names no device");
    };
    if !case.category.metric.is_time() && case.category.time.is_none() {
        return Answer::not_applicable("the category does not count time");
    }
    let device = run.log.run.hardware.device.as_str();
    if device == official {
        return Answer::pass(device);
    }
    Answer::cannot_tell(format!(
        "a run on one {official}: this one's times are of `{device}` and do not compare"
    ))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn another_device_waits_for_a_verifier() {
        let mut submission = Submission::valid();
        submission.does_not_apply("official-hardware");
        submission.category().hardware = Some("Official GPU".into());
        submission.cannot_tell("official-hardware", "Example GPU");
        submission.category().hardware = Some("Example GPU".into());
        submission.passes("official-hardware");
    }
}
