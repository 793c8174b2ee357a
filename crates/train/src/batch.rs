//! What goes into one forward pass.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Sequences of tokens with the token that follows each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// `[rows, seq + 1]`, row by row: inputs and, shifted by one, targets.
    rows: Vec<u16>,
    seq: usize,
}

impl Batch {
    /// Rows of `seq + 1` tokens each, one after another.
    ///
    /// Returns `None` if `rows` is empty or not a whole number of rows.
    pub fn new(rows: Vec<u16>, seq: usize) -> Option<Self> {
        (seq > 0 && !rows.is_empty() && rows.len().is_multiple_of(seq + 1)).then_some(Self { rows, seq })
    }

    /// Cuts blocks of `block + 1` tokens (`block` inputs and the target of the last) into sequences of
    /// `seq`, which divides `block`.
    pub fn from_blocks(tokens: &[u16], block: usize, seq: usize) -> Option<Self> {
        if block == 0 || seq == 0 || !block.is_multiple_of(seq) || !tokens.len().is_multiple_of(block + 1) {
            return None;
        }
        let rows = tokens
            .chunks_exact(block + 1)
            .flat_map(|block_tokens| {
                (0..block / seq).flat_map(move |i| block_tokens[i * seq..=(i + 1) * seq].iter().copied())
            })
            .collect();
        Self::new(rows, seq)
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.rows.len() / (self.seq + 1)
    }

    /// Never: a batch has at least one row.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Tokens of a sequence.
    pub fn seq(&self) -> usize {
        self.seq
    }

    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.len() * self.seq
    }

    /// Inputs and targets on `device`, both `[rows, seq]`.
    pub fn to_device(&self, device: &Device) -> (Tensor<2, Int>, Tensor<2, Int>) {
        let part = |offset: usize| {
            let values: Vec<i32> = self
                .rows
                .chunks_exact(self.seq + 1)
                .flat_map(|row| {
                    row[offset..offset + self.seq]
                        .iter()
                        .map(|&token| i32::from(token))
                })
                .collect();
            Tensor::from_data(TensorData::new(values, [self.len(), self.seq]), device)
        };
        (part(0), part(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_into_sequences_that_share_their_border_token() {
        let blocks = [0, 1, 2, 3, 4, 10, 11, 12, 13, 14];
        let batch = Batch::from_blocks(&blocks, 4, 2).expect("whole blocks");
        assert_eq!(batch.rows, [0, 1, 2, 2, 3, 4, 10, 11, 12, 12, 13, 14]);
        assert_eq!((batch.len(), batch.targets()), (4, 8));
    }

    #[test]
    fn what_is_no_whole_number_of_rows_is_no_batch() {
        assert_eq!(Batch::new(vec![1, 2, 3], 3), None);
        assert_eq!(Batch::new(vec![], 3), None);
        assert_eq!(Batch::from_blocks(&[0; 10], 4, 3), None);
        assert_eq!(Batch::from_blocks(&[0; 9], 4, 2), None);
    }
}
