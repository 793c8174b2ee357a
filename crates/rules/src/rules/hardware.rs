use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "hardware-named",
    text: "Device, backend, precision and, off the CPU, driver are named.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let hardware = &run.log.run.hardware;
    let driver = if hardware.backend == "cpu" {
        "none needed"
    } else {
        &hardware.driver
    };
    for (name, text) in [
        ("device", hardware.device.as_str()),
        ("backend", &hardware.backend),
        ("precision", &hardware.precision),
        ("driver", driver),
    ] {
        if text.trim().is_empty() || text.eq_ignore_ascii_case("unknown") {
            return Answer::fail_at(1, format!("hardware.{name} is `{text}`"));
        }
    }
    Answer::pass(format!(
        "{}, {}, {}, {}",
        hardware.device, hardware.backend, hardware.driver, hardware.precision
    ))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn hardware_without_a_name_is_found() {
        Submission::valid().passes("hardware-named");
        Submission::with(|draft| draft.run.hardware.device = " ".into()).fails_at(
            "hardware-named",
            1,
            "device",
        );
        Submission::with(|draft| draft.run.hardware.driver = "unknown".into())
            .fails("hardware-named", "driver");
    }
}
