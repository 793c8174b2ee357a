//! A part of a log, cut anywhere, with its steps as columns.

use crate::line::{StepLine, parse};

/// Columns of every step: the four axes in the order of the log, loss, learning rate, gradient norm, tokens/s.
pub const COLUMNS: usize = 8;
/// With those that a step may lack: MFU, memory.
const MOST_COLUMNS: usize = 10;

/// A part of a log. Whoever takes its pieces in order, those of text byte by byte as they stand, has read the log.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Part {
    /// What it holds, in order.
    pub pieces: Vec<Piece>,
    /// The numbers of all steps: piece by piece, and in each column by column.
    pub columns: Vec<f64>,
    /// All else, as it stands in the log.
    pub text: Vec<u8>,
}

/// What comes next of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Text of this many bytes, which may begin or end within a line.
    Text {
        /// How long it is.
        bytes: u32,
    },
    /// Steps, whole lines each.
    Steps {
        /// How many.
        rows: u32,
        /// Bytes of their lines.
        bytes: u32,
        /// Bytes of the longest line.
        longest: u32,
        /// Whether each says its MFU; otherwise none does.
        has_mfu: bool,
        /// Whether each says its memory; otherwise none does.
        has_memory: bool,
    },
}

impl Piece {
    /// Numbers of a piece when it travels between workers.
    pub const NUMBERS: usize = 4;

    /// As numbers: rows (0 for text), bytes, longest line, columns that may be missing (1 for MFU, 2 for memory).
    #[must_use]
    pub fn encode(self) -> [u32; Self::NUMBERS] {
        match self {
            Self::Text { bytes } => [0, bytes, 0, 0],
            Self::Steps {
                rows,
                bytes,
                longest,
                has_mfu,
                has_memory,
            } => [
                rows,
                bytes,
                longest,
                u32::from(has_mfu) | (u32::from(has_memory) << 1),
            ],
        }
    }

    /// From the numbers of [`encode`](Self::encode).
    #[must_use]
    pub fn decode([rows, bytes, longest, optional]: [u32; Self::NUMBERS]) -> Self {
        if rows == 0 {
            return Self::Text { bytes };
        }
        Self::Steps {
            rows,
            bytes,
            longest,
            has_mfu: optional & 1 != 0,
            has_memory: optional & 2 != 0,
        }
    }
}

impl Part {
    /// Reads a part of a log of at most 4 GiB, cut anywhere. What stands before its first newline may be the end of a
    /// line, and is text.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut part = Self::default();
        let mut steps = Steps::default();
        let mut at = rest_of_line(bytes);
        let mut text_from = 0;
        while at < bytes.len() {
            if let Some((step, length)) = parse(&bytes[at..]) {
                if text_from < at {
                    steps.flush(&mut part);
                    part.add_text(&bytes[text_from..at]);
                }
                steps.push(&step, length, &mut part);
                at += length;
                text_from = at;
            } else {
                at += rest_of_line(&bytes[at..]);
            }
        }
        steps.flush(&mut part);
        if text_from < bytes.len() {
            part.add_text(&bytes[text_from..]);
        }
        part
    }

    fn add_text(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.pieces.push(Piece::Text {
            bytes: text.len() as u32,
        });
    }
}

/// Bytes up to the first newline, and with it; all where there is none.
fn rest_of_line(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    end.map_or(bytes.len(), |end| end + 1)
}

/// Steps that follow one another and say the same things.
#[derive(Default)]
struct Steps {
    columns: [Vec<f64>; MOST_COLUMNS],
    bytes: usize,
    longest: usize,
    has_mfu: bool,
    has_memory: bool,
}

impl Steps {
    fn rows(&self) -> usize {
        self.columns[0].len()
    }

    fn push(&mut self, step: &StepLine, length: usize, part: &mut Part) {
        let (has_mfu, has_memory) = (step.mfu.is_some(), step.memory_bytes.is_some());
        if self.rows() > 0 && (has_mfu, has_memory) != (self.has_mfu, self.has_memory) {
            self.flush(part);
        }
        (self.has_mfu, self.has_memory) = (has_mfu, has_memory);
        self.bytes += length;
        self.longest = self.longest.max(length);
        let optional = [step.mfu, step.memory_bytes];
        for (column, value) in self.columns.iter_mut().zip(step.required()) {
            column.push(value);
        }
        for (column, value) in self.columns[COLUMNS..].iter_mut().zip(optional) {
            column.extend(value);
        }
    }

    fn flush(&mut self, part: &mut Part) {
        if self.rows() == 0 {
            return;
        }
        part.pieces.push(Piece::Steps {
            rows: self.rows() as u32,
            bytes: self.bytes as u32,
            longest: self.longest as u32,
            has_mfu: self.has_mfu,
            has_memory: self.has_memory,
        });
        for column in &mut self.columns {
            part.columns.append(column);
        }
        (self.bytes, self.longest) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = "{\"event\":\"step\",\"step\":7,\"tokens\":14,\"train_s\":0.5,\"wall_s\":0.75,\"loss\":4.5,\"lr\":0.02,\
                        \"lr_adamw\":3e-4,\"grad_norm\":1.5,\"tokens_per_s\":28,\"data_wait_s\":0.0";

    fn step(more: &str) -> String {
        format!("{STEP}{more}}}\n")
    }

    #[test]
    fn steps_become_columns_and_all_else_stays_as_it_stands() {
        let (bare, full) = (step(""), step(",\"mfu\":0.4,\"memory_bytes\":9"));
        let note = "{\"event\":\"note\"}\n";
        let log = format!("cut off\n{bare}{bare}{full}{note}{full}{STEP}");
        let part = Part::read(log.as_bytes());
        assert_eq!(part.text, format!("cut off\n{note}{STEP}").as_bytes());
        let steps = |rows, line: &str, full| Piece::Steps {
            rows,
            bytes: rows * line.len() as u32,
            longest: line.len() as u32,
            has_mfu: full,
            has_memory: full,
        };
        let text = |text: &str| Piece::Text {
            bytes: text.len() as u32,
        };
        let expected = [
            text("cut off\n"),
            steps(2, &bare, false),
            steps(1, &full, true),
            text(note),
            steps(1, &full, true),
            text(STEP),
        ];
        assert_eq!(part.pieces, expected);
        let row = [7.0, 14.0, 0.5, 0.75, 4.5, 0.02, 1.5, 28.0];
        let twice: Vec<f64> = row.iter().flat_map(|&value| [value, value]).collect();
        let full: Vec<f64> = row.into_iter().chain([0.4, 9.0]).collect();
        assert_eq!(part.columns, [twice, full.clone(), full].concat());
    }

    #[test]
    fn the_first_line_is_never_taken_for_whole() {
        let part = Part::read(step("").as_bytes());
        assert_eq!((part.text, part.columns), (step("").into_bytes(), Vec::new()));
        assert_eq!(Part::read(b""), Part::default());
        assert_eq!(Part::read(b"no end").text, b"no end");
    }

    #[test]
    fn pieces_travel_as_numbers() {
        let part = Part::read(format!("\n{}{}", step(""), step(",\"memory_bytes\":9")).as_bytes());
        assert_eq!(part.pieces.len(), 3);
        for piece in part.pieces {
            assert_eq!(Piece::decode(piece.encode()), piece);
        }
    }
}
