use blueberry_runlog::RunLog;

use super::{Check, Rule};
use crate::config::Config;
use crate::trace::end;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "end-summary",
    text: "The results by name that `end` sums up are finite, and those that the events give too are theirs.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let Some((line, end)) = end(&run.log) else {
        return Answer::fail("the log has no `end`");
    };
    if let Some((name, value)) = end.summary.iter().find(|(_, value)| !value.is_finite()) {
        return Answer::fail_at(line, format!("{name} is {value}"));
    }
    let waited_s = waited_s(&run.log);
    for (name, given) in [
        ("data_wait_s", waited_s),
        (
            "data_wait_share",
            waited_s / end.at.train_s.max(f64::MIN_POSITIVE),
        ),
    ] {
        let stated = end.summary.get(name).copied();
        if let Some(stated) = stated.filter(|stated| (stated - given).abs() > ROUNDING * given.max(1.0)) {
            return Answer::fail_at(line, format!("{name} is {stated}, the steps give {given}"));
        }
    }
    if let (Some(&epochs), Ok(config)) = (end.summary.get("epochs"), Config::of(&run.log)) {
        // What does not fill a block at the end of a pass is left out, so that passes can be more than the targets
        // alone would say.
        let least = end.at.tokens.div_ceil(run.log.run.data.train_tokens.max(1));
        let most = config.train.epochs;
        if epochs < least as f64 || epochs > most as f64 {
            return Answer::fail_at(
                line,
                format!("epochs is {epochs}, the log allows {least} to {most}"),
            );
        }
    }
    Answer::pass(format!("{} results", end.summary.len()))
}

/// Sums of decimal fractions.
const ROUNDING: f64 = 1e-6;

/// Seconds that steps waited for data, those that a resumed run did again included, as on the clock.
fn waited_s(log: &RunLog) -> f64 {
    log.steps().map(|step| step.data_wait_s).sum()
}

#[cfg(test)]
mod tests {
    use blueberry_runlog::Event;

    use crate::testing::{Draft, Submission};

    fn saying(name: &str, value: f64) -> Submission {
        Submission::of(&[1, 2, 3].map(|seed| summed(Draft::valid(seed), name, value)))
    }

    /// Every step waits for an eighth of a second.
    fn summed(mut draft: Draft, name: &str, value: f64) -> Draft {
        (1..=16).for_each(|step| draft.step(step).data_wait_s = 0.125);
        draft.end().summary.insert(name.into(), value);
        draft
    }

    #[test]
    fn results_of_the_events_pass() {
        Submission::valid().passes("end-summary");
        for (name, value) in [
            ("data_wait_s", 2.0),
            ("data_wait_share", 0.25),
            ("epochs", 1.0),
            ("peak", 1e9),
        ] {
            saying(name, value).passes("end-summary");
        }
    }

    #[test]
    fn results_that_the_events_do_not_give_are_found() {
        saying("data_wait_s", 1.875).fails_at("end-summary", 30, "the steps give 2");
        saying("data_wait_share", 0.2).fails_at("end-summary", 30, "the steps give 0.25");
        saying("epochs", 0.0).fails_at("end-summary", 30, "1 to 1");
        saying("epochs", 2.0).fails_at("end-summary", 30, "1 to 1");
        saying("peak", f64::NAN).fails_at("end-summary", 30, "peak is NaN");
    }

    #[test]
    fn a_resumed_run_sums_up_what_it_did_again_too() {
        let saying = |waited_s: f64| {
            let mut drafts = [1, 2, 3].map(Draft::interrupted);
            for event in &mut drafts[0].events {
                if let Event::Step(step) = event {
                    step.data_wait_s = 0.125;
                }
            }
            if let Some(Event::End(end)) = drafts[0].events.last_mut() {
                end.summary.insert("data_wait_s".into(), waited_s);
            }
            Submission::of(&drafts)
        };
        // Two of the 16 steps came twice.
        saying(2.25).passes("end-summary");
        saying(2.0).fails("end-summary", "the steps give 2.25");
    }
}
