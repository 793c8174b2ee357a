//! Ticks at round numbers.

use crate::scale::{Scale, Span};

/// Steps of a clock in seconds: what people count in up to a day.
const CLOCK: [f64; 20] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0,
    14_400.0, 21_600.0, 28_800.0, 43_200.0, 86_400.0,
];
/// More than any chart can label.
const MOST: usize = 1000;

/// Values for about `count` ticks of a span, ascending. `is_time` asks for steps of a clock.
#[must_use]
pub fn ticks(span: &Span, count: usize, is_time: bool) -> Vec<f64> {
    let count = count.clamp(1, MOST / 4);
    match span.scale {
        Scale::Log if span.to / span.from >= 10.0 => decades(span, count),
        _ => even(span, step((span.to - span.from) / count as f64, is_time)),
    }
}

/// The round step at or above the one that would fit exactly.
fn step(exact: f64, is_time: bool) -> f64 {
    if is_time && exact > 1.0 {
        let fitting = CLOCK.iter().copied().find(|step| *step >= exact);
        return fitting.unwrap_or_else(|| 86_400.0 * step(exact / 86_400.0, false));
    }
    let power = 10f64.powf(exact.log10().floor());
    let digit = exact / power;
    // A little slack: 0.2 / 0.1 is not quite 2.
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|round| digit <= round * (1.0 + 1e-9));
    power * round.unwrap_or(10.0)
}

/// Multiples of a step. Counted, not summed, so that they stay round.
fn even(span: &Span, step: f64) -> Vec<f64> {
    let (first, last) = ((span.from / step).ceil(), (span.to / step).floor());
    let count = (last - first + 1.0).clamp(0.0, MOST as f64) as usize;
    (0..count)
        .map(|index| round((first + index as f64) * step, step))
        .collect()
}

/// Without the last bits that a multiplication leaves: 3 * 0.1 as 0.3.
fn round(value: f64, step: f64) -> f64 {
    let digits = (-step.log10().floor()).max(0.0) as usize + 1;
    if digits > 15 {
        return value;
    }
    format!("{value:.digits$}").parse().unwrap_or(value)
}

/// 1, 2 and 5 of each power of ten, or only the powers, or only some of those: as many as there is room for.
fn decades(span: &Span, count: usize) -> Vec<f64> {
    let (first, last) = (span.from.log10().floor() as i32, span.to.log10().ceil() as i32);
    let powers = (last - first).max(1) as usize;
    let digits: &[f64] = if powers * 3 <= count * 2 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let stride = powers.div_ceil(count).max(1);
    let exponents = (first..=last).step_by(stride);
    let values =
        exponents.flat_map(|exponent| digits.iter().map(move |digit| power_of_ten(*digit, exponent)));
    values
        .filter(|value| (span.from..=span.to).contains(value))
        .collect()
}

/// As the decimal text says, which powers of floats do not always.
fn power_of_ten(digit: f64, exponent: i32) -> f64 {
    format!("{digit}e{exponent}").parse().unwrap_or(f64::NAN)
}
