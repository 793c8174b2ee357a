use super::{Check, Rule};
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "seals-whole",
    text: "Every line of the log is covered by an unbroken chain of seals, and the last line is whole.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let (log, seals) = (&run.log, &run.log.seals);
    if let Some(broken) = &seals.broken {
        return Answer::fail_at(broken.line, broken.to_string());
    }
    if let Some(torn) = &log.torn {
        return Answer::fail_at(torn.line, torn.to_string());
    }
    if seals.unsealed_lines > 0 {
        let line = seals.sealed_lines + 1;
        return Answer::fail_at(
            line,
            format!("{} line(s) behind the last seal", seals.unsealed_lines),
        );
    }
    Answer::pass(format!("{} lines", seals.sealed_lines))
}
