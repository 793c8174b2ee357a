//! Pieces of Markdown.

/// The longest text of a stranger that a cell shows, in characters.
const MOST: usize = 60;

/// What GitHub turns into a link by itself.
const LINKS: [&str; 3] = ["://", "www.", "gh-"];
/// A word joiner, which does not show: what it parts is no link.
const PARTED: &str = "&#8288;";

/// A stranger's text for a cell: one line, without the power to format, link, mention or break the table.
pub fn cell(text: &str) -> String {
    let text = text.trim();
    let mut safe = String::new();
    for (index, (at, letter)) in text.char_indices().enumerate() {
        if index == MOST {
            safe.push('…');
            break;
        }
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // GitHub would notify whoever has that name.
            '@' => safe.push_str("&#64;"),
            letter if letter.is_control() || is_direction(letter) => safe.push(' '),
            letter if letter.is_ascii_punctuation() && !".,-+:;/()%='".contains(letter) => {
                safe.push('\\');
                safe.push(letter);
            }
            letter => safe.push(letter),
        }
        if LINKS.iter().any(|link| begins(&text[at..], link)) {
            safe.push_str(PARTED);
        }
    }
    safe
}

/// Whether a text begins with this one, whose letters are lower-case, in any case.
fn begins(text: &str, with: &str) -> bool {
    text.get(..with.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(with))
}

/// Characters that turn the direction of the text around them.
fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A link with a stranger's text; the text alone where the address is neither a plain path nor `https`.
pub fn link(text: &str, address: Option<&str>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/#".contains(c);
    let safe = |address: &&str| {
        let path = address.strip_prefix("https://").unwrap_or(address);
        !path.is_empty() && path.chars().all(plain) && !path.starts_with('/') && !path.contains("..")
    };
    match address.filter(safe) {
        Some(address) => format!("[{}]({address})", cell(text)),
        None => cell(text),
    }
}

/// A whole number in groups of three: 1234567 as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count in millions, as `151.0M`; whole below a million.
pub fn millions(number: f64) -> String {
    if number < 1e6 {
        return grouped(number as u64);
    }
    format!("{:.1}M", number / 1e6)
}

/// Seconds with one decimal, in groups of three.
pub fn seconds(number: f64) -> String {
    let tenths = (number * 10.0).round().max(0.0) as u64;
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

/// A row of a table.
pub fn row(cells: impl IntoIterator<Item = String>) -> String {
    let mut text = String::from("|");
    for cell in cells {
        text.push(' ');
        text.push_str(&cell);
        text.push_str(if cell.is_empty() { "|" } else { " |" });
    }
    text.push('\n');
    text
}
