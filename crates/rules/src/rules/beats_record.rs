use super::{Check, Rule};
use crate::challenger_is_below;
use crate::stats::below_other;
use crate::summary::ranked;
use crate::{Answer, Case};

pub const RULE: Rule = Rule {
    id: "beats-record",
    text: "A claimed record is better than the last one at p < 0.01; a time, by interleaved runs on one machine.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let Some(record) = &case.facts.record else {
        return Answer::not_applicable("no record to beat, or none claimed to be beaten");
    };
    let outcome = if !case.facts.pairs.is_empty() {
        challenger_is_below(&case.facts.pairs).map_err(|error| error.to_string())
    } else if case.category.metric.is_time() {
        return Answer::cannot_tell(format!(
            "runs by turns with {} on one machine: `blueberry verify` makes them",
            record.id
        ));
    } else {
        let figures: Option<Vec<f64>> = case
            .runs
            .iter()
            .map(|run| ranked(case.category, &run.log))
            .collect();
        let Some(figures) = figures else {
            return Answer::fail("an attempt has no figure, so it did not beat the record");
        };
        below_other(&figures, &record.figures).map_err(|error| error.to_string())
    };
    let how = if case.facts.pairs.is_empty() {
        "means of both"
    } else {
        "interleaved pairs"
    };
    match outcome {
        Ok(test) if test.is_below() => {
            Answer::pass(format!("better than {} by {how}, p = {:.1e}", record.id, test.p))
        }
        Ok(test) => Answer::fail(format!(
            "not better than {} by {how}, p = {:.3}",
            record.id, test.p
        )),
        Err(reason) => Answer::cannot_tell(format!("{how} with {}: {reason}", record.id)),
    }
}
