//! The `Range` header (RFC 9110, section 14): one range of bytes, which is all that the page asks for.

/// Bytes of a file to send, the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// All of it: no range was asked for, or one that this server does not know.
    Whole,
    /// From the first to the last.
    Part {
        /// First byte.
        first: u64,
        /// Last byte.
        last: u64,
    },
    /// Nothing is there.
    Beyond,
}

/// Reads a `Range` header for a file of `length` bytes.
pub fn parse(header: Option<&str>, length: u64) -> ByteRange {
    let spec = header.and_then(|header| header.trim().strip_prefix("bytes="));
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else {
        return ByteRange::Whole;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => part(first, last.min(length.saturating_sub(1)), length),
        (Ok(first), Err(_)) if last.is_empty() => part(first, length.saturating_sub(1), length),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => {
            part(length.saturating_sub(count), length.saturating_sub(1), length)
        }
        _ => ByteRange::Whole,
    }
}

fn part(first: u64, last: u64, length: u64) -> ByteRange {
    if first < length {
        ByteRange::Part { first, last }
    } else {
        ByteRange::Beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood() {
        let part = |first, last| ByteRange::Part { first, last };
        assert_eq!(parse(Some("bytes=3-"), 10), part(3, 9));
        assert_eq!(parse(Some("bytes=0-0"), 10), part(0, 0));
        assert_eq!(parse(Some("bytes=3-100"), 10), part(3, 9));
        assert_eq!(parse(Some("bytes=-4"), 10), part(6, 9));
        assert_eq!(parse(Some("bytes=-40"), 10), part(0, 9));
    }

    #[test]
    fn what_is_beyond_the_end_is_said_to_be() {
        assert_eq!(parse(Some("bytes=10-"), 10), ByteRange::Beyond);
        assert_eq!(parse(Some("bytes=0-"), 0), ByteRange::Beyond);
        assert_eq!(parse(Some("bytes=-1"), 0), ByteRange::Beyond);
    }

    #[test]
    fn anything_else_is_the_whole_file() {
        for header in [
            "bytes=",
            "bytes=a-b",
            "lines=1-2",
            "bytes=5-2",
            "bytes=1-2,4-5",
            "bytes=--1",
        ] {
            assert_eq!(parse(Some(header), 10), ByteRange::Whole, "{header}");
        }
        assert_eq!(parse(None, 10), ByteRange::Whole);
    }
}
