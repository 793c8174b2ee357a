use blueberry_runlog::CheckStatus;

use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "device-checked",
    text: "The device computes what the CPU computes, or is that CPU.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let check = &run.log.run.device_check;
    let worst = check.worst_parameter.as_deref().unwrap_or("nothing named");
    let backend = run.log.run.hardware.backend.as_str();
    match check.status {
        CheckStatus::Passed => Answer::pass(format!("passed; worst is {worst}")),
        CheckStatus::Reference if backend == "cpu" => {
            Answer::pass("the CPU, which the others are held against")
        }
        CheckStatus::Reference => Answer::fail_at(
            1,
            format!("`{backend}` is not the CPU that others are held against"),
        ),
        CheckStatus::Failed => {
            Answer::fail_at(1, format!("the device computes something else; worst is {worst}"))
        }
        CheckStatus::Unchecked => {
            Answer::cannot_tell("the check of the device: run again and let it be checked")
        }
    }
}
