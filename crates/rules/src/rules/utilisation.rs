use std::collections::BTreeMap;

use blueberry_runlog::Event;

use super::{Check, Rule};
use crate::config::{Config, model};
use crate::trace::walk;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "utilisation",
    text: "`mfu` is the rate of the step times the operations of a target over the device's peak, and believable.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let log = &run.log.run;
    // Without a formula or a peak the number is only held against its bounds.
    let settings = model(&log.config).ok().zip(Config::of(&run.log).ok());
    let peak = log.hardware.peak_flops;
    let mut flops = BTreeMap::new();
    let mut sum = (0.0, 0_u64);
    for stop in walk(&run.log) {
        let Event::Step(step) = stop.event else { continue };
        let Some(mfu) = step.mfu else { continue };
        if !(0.0..=MOST).contains(&mfu) {
            return Answer::fail_at(stop.line, format!("mfu is {mfu}, not from 0 to {MOST}"));
        }
        if let (Some((model, config)), Some(peak)) = (&settings, peak) {
            let seq_len = config.seq_len(stop.before.tokens);
            // Counted once for each length: the count walks over the whole model.
            let flops = *flops
                .entry(seq_len)
                .or_insert_with(|| model.flops_per_token(usize::try_from(seq_len).unwrap_or(usize::MAX)));
            let given = step.tokens_per_s * flops / peak;
            if !((mfu - given) / given).abs().le(&ROUNDING) {
                return Answer::fail_at(
                    stop.line,
                    format!("mfu is {mfu}, but rate, operations and peak give {given}"),
                );
            }
        }
        sum = (sum.0 + mfu, sum.1 + 1);
    }
    match sum {
        (_, 0) => Answer::not_applicable("no step has one: the device's peak is not known"),
        (sum, steps) => Answer::pass(format!("{:.3} on average", sum / steps as f64)),
    }
}

/// More than all of a device, since a peak is given at a clock that a cool device may exceed.
const MOST: f64 = 1.5;
/// Products of decimal fractions.
const ROUNDING: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use crate::testing::{Draft, Submission};

    /// A device that every step uses by a quarter: 128 targets a second.
    fn measured(draft: &mut Draft) {
        draft.run.hardware.peak_flops = Some(128.0 * draft.run.model.flops_per_token * 4.0);
        (1..=16).for_each(|step| draft.step(step).mfu = Some(0.25));
    }

    #[test]
    fn a_share_of_the_peak_that_follows_from_the_rate_passes() {
        Submission::valid().does_not_apply("utilisation");
        Submission::with(measured).passes("utilisation");
    }

    #[test]
    fn a_share_that_does_not_follow_from_the_rate_is_found() {
        let submission = Submission::with(|draft| {
            measured(draft);
            draft.step(7).mfu = Some(0.3);
        });
        submission.fails_at(
            "utilisation",
            14,
            "mfu is 0.3, but rate, operations and peak give 0.25",
        );
        for peak in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let submission = Submission::with(|draft| {
                measured(draft);
                draft.run.hardware.peak_flops = Some(peak);
            });
            submission.fails_at("utilisation", 6, "mfu is 0.25");
        }
    }

    #[test]
    fn a_share_that_no_device_can_have_is_found() {
        for mfu in [f64::NAN, f64::INFINITY, -0.1, 1.6] {
            Submission::with(|draft| draft.step(7).mfu = Some(mfu)).fails_at("utilisation", 14, "mfu is");
        }
        Submission::with(|draft| draft.step(7).mfu = Some(1.4)).passes("utilisation");
    }
}
