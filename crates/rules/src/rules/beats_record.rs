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

#[cfg(test)]
mod tests {
    use crate::testing::Submission;
    use crate::{Metric, Pair, RecordToBeat};

    fn against(figures: &[f64]) -> Submission {
        let mut submission = Submission::valid();
        submission.facts.record = Some(RecordToBeat {
            id: "small/old".into(),
            figures: figures.to_vec(),
        });
        submission
    }

    fn pair(challenger: f64, record: f64, challenger_first: bool) -> Pair {
        Pair {
            challenger,
            record,
            challenger_first,
        }
    }

    #[test]
    fn without_a_record_there_is_nothing_to_beat() {
        Submission::valid().does_not_apply("beats-record");
    }

    #[test]
    fn losses_are_compared_by_their_means() {
        let mut submission = against(&[2.70, 2.71, 2.72]);
        submission.category().metric = Metric::ValLoss;
        submission.passes("beats-record");
        submission.facts.record = Some(RecordToBeat {
            id: "small/old".into(),
            figures: vec![2.66, 2.67, 2.68],
        });
        submission.fails("beats-record", "not better than small/old by means");
    }

    #[test]
    fn times_need_runs_by_turns() {
        against(&[9.0, 9.1]).cannot_tell("beats-record", "by turns");
    }

    #[test]
    fn pairs_decide_on_a_slow_machine() {
        // Both are slower here than the record's own 8 s; next to each other the challenger is faster.
        let mut submission = against(&[8.0, 8.0]);
        let pairs = [(10.0, 10.5), (10.1, 10.62), (10.0, 10.49), (10.2, 10.7)];
        let first = |index: usize| index.is_multiple_of(2);
        submission.facts.pairs = pairs
            .iter()
            .enumerate()
            .map(|(index, &(a, b))| pair(a, b, first(index)))
            .collect();
        submission.passes("beats-record");
        for pair in &mut submission.facts.pairs {
            std::mem::swap(&mut pair.challenger, &mut pair.record);
        }
        submission.fails("beats-record", "not better than small/old by interleaved pairs");
    }

    #[test]
    fn pairs_of_one_order_cannot_tell() {
        let mut submission = against(&[8.0, 8.0]);
        submission.facts.pairs = vec![pair(10.0, 10.5, true), pair(10.1, 10.7, true)];
        submission.cannot_tell("beats-record", "as many of each");
    }
}
