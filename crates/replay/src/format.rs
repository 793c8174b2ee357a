//! Numbers as people read them.

use blueberry_runlog::import::{Axis, Metric};

/// A position: `1:02:03`, `16.4M`, `500`.
#[must_use]
pub fn position(axis: Axis, value: f64) -> String {
    match axis {
        Axis::Step => plain(value, 0),
        Axis::Tokens => count(value),
        Axis::TrainS | Axis::WallS => duration(value),
    }
}

/// A value of a metric.
#[must_use]
pub fn value(metric: &Metric, value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    match metric {
        Metric::TrainLoss | Metric::ValLoss => plain(value, 4),
        Metric::TokensPerS => format!("{}/s", count(value)),
        Metric::Mfu => format!("{} %", plain(100.0 * value, 1)),
        Metric::MemoryBytes => bytes(value),
        Metric::Lr | Metric::GradNorm | Metric::Other(_) => significant(value),
    }
}

/// What a metric is called.
#[must_use]
pub fn name(metric: &Metric) -> &str {
    match metric {
        Metric::TrainLoss => "Training loss",
        Metric::ValLoss => "Validation loss",
        Metric::Lr => "Learning rate",
        Metric::TokensPerS => "Tokens per second",
        Metric::Mfu => "Model FLOP utilisation",
        Metric::GradNorm => "Gradient norm",
        Metric::MemoryBytes => "Memory",
        Metric::Other(name) => name,
    }
}

/// What an axis is called.
#[must_use]
pub fn axis_name(axis: Axis) -> &'static str {
    match axis {
        Axis::Step => "Steps",
        Axis::Tokens => "Tokens",
        Axis::TrainS => "Training time",
        Axis::WallS => "Wall-clock time",
    }
}

/// Seconds: `0.25 s`, `42.1 s`, `5:03`, `1:02:03`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return not_finite(seconds).to_owned();
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let length = seconds.abs();
    // Whole tenths first, so that 59.96 becomes a minute and not 60.0 s.
    if (length * 10.0).round() < 600.0 {
        let digits = if length < 10.0 { 2 } else { 1 };
        return format!("{sign}{length:.digits$} s");
    }
    let whole = length.round();
    let (hours, minutes, rest) = (
        (whole / 3600.0).floor(),
        (whole / 60.0).floor() % 60.0,
        whole % 60.0,
    );
    if hours > 0.0 {
        format!("{sign}{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{sign}{minutes}:{rest:02}")
    }
}

/// A count: `512`, `16.4k`, `100M`, `1.25B`.
#[must_use]
pub fn count(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let units = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    // 999.95 of a unit is already one of the next.
    let unit = units.into_iter().find(|(size, _)| value.abs() >= size * 0.99995);
    match unit {
        Some((size, name)) => format!("{}{name}", trimmed(value / size, 3)),
        None => trimmed(value, 3),
    }
}

/// Bytes in binary units: `1.5 GiB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    for (power, name) in units {
        let size = f64::from(1u32 << power);
        if value.abs() >= size {
            return format!("{} {name}", trimmed(value / size, 3));
        }
    }
    format!("{} B", plain(value, 0))
}

fn not_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "not a number"
    } else if value > 0.0 {
        "infinite"
    } else {
        "minus infinite"
    }
}

/// With so many digits behind the point; huge ones by exponent.
fn plain(value: f64, digits: usize) -> String {
    if value.abs() >= 1e15 {
        format!("{value:e}")
    } else {
        format!("{value:.digits$}")
    }
}

/// With so many significant digits and no zeros behind the last.
fn trimmed(value: f64, digits: usize) -> String {
    let whole = value.abs().max(1.0).log10().floor() as usize + 1;
    let text = plain(value, digits.saturating_sub(whole));
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Four significant digits, small and large ones by exponent.
fn significant(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.3e}");
    }
    let digits = (3 - size.log10().floor() as i32).max(0) as usize;
    plain(value, digits)
}
