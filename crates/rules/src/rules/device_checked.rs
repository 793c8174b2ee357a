use blueberry_runlog::CheckStatus;

use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "device-checked",
    text: "The device computes what the CPU computes.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let check = &run.log.run.device_check;
    let worst = check.worst_parameter.as_deref().unwrap_or("nothing named");
    match check.status {
        CheckStatus::Passed => Answer::pass(format!("passed; worst is {worst}")),
        CheckStatus::Failed => {
            Answer::fail_at(1, format!("the device computes something else; worst is {worst}"))
        }
        CheckStatus::Unchecked => {
            Answer::cannot_tell("the check of the device: run again and let it be checked")
        }
    }
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::CheckStatus;

    use crate::testing::Submission;

    #[test]
    fn a_device_that_computes_something_else_is_found() {
        Submission::valid().passes("device-checked");
        let with = |status| Submission::with(|draft| draft.run.device_check.status = status);
        with(CheckStatus::Failed).fails_at("device-checked", 1, "something else");
        with(CheckStatus::Unchecked).cannot_tell("device-checked", "checked");
    }
}
