use blueberry_runlog::{EndStatus, Event};
use std::collections::BTreeMap;

use super::{Check, Rule};
use crate::is_sha256;
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "token-ledger",
    text: "The loader's ledger counts the targets that the steps count, and stands in every evaluation and the end.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let mut digests = BTreeMap::new();
    let mut owners = BTreeMap::new();
    let mut ended = false;
    for stop in walk(&run.log) {
        let ledger = match stop.event {
            Event::Eval(eval) => &eval.ledger,
            Event::End(end) => match &end.ledger {
                Some(ledger) => ledger,
                None if end.status == EndStatus::Completed => return Answer::fail_at(stop.line, "no ledger"),
                None => continue,
            },
            _ => continue,
        };
        ended |= matches!(stop.event, Event::End(_));
        let (tokens, digest) = (ledger.tokens, ledger.sha256.as_str());
        if tokens != stop.at.tokens {
            let steps = stop.at.tokens;
            return Answer::fail_at(
                stop.line,
                format!("the ledger has {tokens} targets, the steps have {steps}"),
            );
        }
        if !is_sha256(digest) {
            return Answer::fail_at(
                stop.line,
                format!("the ledger's digest is `{digest}`, no SHA-256"),
            );
        }
        // The rolling digest is a function of the rows consumed: the same rows after a resume, never after others.
        let (same, owner) = (
            *digests.entry(tokens).or_insert(digest),
            *owners.entry(digest).or_insert(tokens),
        );
        if same != digest || owner != tokens {
            return Answer::fail_at(
                stop.line,
                "the ledger's digest does not go with its count of targets in an earlier line",
            );
        }
    }
    if !ended {
        return Answer::fail("no `end` with a ledger");
    }
    Answer::pass(format!("{} entries agree with the steps", digests.len()))
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn a_ledger_that_counts_otherwise_is_found() {
        Submission::valid().passes("token-ledger");
        Submission::with(|draft| draft.eval_at(512).ledger.tokens = 500)
            .fails("token-ledger", "the steps have 512");
        Submission::with(|draft| draft.end().ledger = None).fails_at("token-ledger", 30, "no ledger");
    }

    #[test]
    fn a_digest_that_stands_still_is_found() {
        let submission = Submission::with(|draft| {
            draft.eval_at(512).ledger.sha256 = draft.eval_at(256).ledger.sha256.clone();
        });
        submission.fails("token-ledger", "does not go with");
    }

    #[test]
    fn a_placeholder_for_a_digest_is_found() {
        Submission::with(|draft| draft.eval_at(512).ledger.sha256 = "todo".into())
            .fails("token-ledger", "no SHA-256");
    }
}
