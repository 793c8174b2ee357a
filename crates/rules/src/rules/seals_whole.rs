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

#[cfg(test)]
mod tests {
    use crate::testing::{Draft, Submission, logged};

    fn cut(bytes: usize) -> Submission {
        let mut submission = Submission::valid();
        let log = Draft::valid(1).bytes();
        submission.runs[0] = logged("cut", &log[..log.len() - bytes]);
        submission
    }

    #[test]
    fn a_whole_log_passes() {
        Submission::valid().passes("seals-whole");
    }

    #[test]
    fn a_torn_end_is_named_by_its_line() {
        cut(10).fails_at("seals-whole", 31, "torn");
    }

    #[test]
    fn a_log_without_its_last_seal_is_found() {
        let log = Draft::valid(1).bytes();
        let seal = log
            .iter()
            .rev()
            .skip(1)
            .position(|&byte| byte == b'\n')
            .expect("a line")
            + 1;
        cut(seal).fails_at("seals-whole", 30, "behind the last seal");
    }

    #[test]
    fn a_changed_line_breaks_the_seal_behind_it() {
        let log = String::from_utf8(Draft::valid(1).bytes()).expect("text");
        let mut submission = Submission::valid();
        submission.runs[0] = logged(
            "edited",
            log.replacen("\"seconds\":2.0", "\"seconds\":1.0", 1).as_bytes(),
        );
        submission.fails_at("seals-whole", 3, "does not match");
    }
}
