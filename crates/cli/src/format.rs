//! Numbers for people.

pub use blueberry_rules::grouped;

/// Bytes as `1.5 GiB`.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" {
        format!("{number} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// Seconds as `1h 02m`, `3m 04s` or `5.6s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        3600.. => format!("{}h {:02}m", whole / 3600, whole % 3600 / 60),
        60.. => format!("{}m {:02}s", whole / 60, whole % 60),
        _ => format!("{seconds:.1}s"),
    }
}

/// Text of a stranger on one line, without control characters that a terminal would act on.
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(151_032_320), "151,032,320");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_610_612_736), "1.5 GiB");
        assert_eq!(duration(5.61), "5.6s");
        assert_eq!(duration(184.0), "3m 04s");
        assert_eq!(duration(3725.0), "1h 02m");
    }

    #[test]
    fn a_terminal_is_not_told_what_to_do() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }
}
