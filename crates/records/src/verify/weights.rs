//! Counting the numbers of the model that a run saved. The log's count is that of a formula for its settings, which the
//! code need not obey, and which a new architecture does not have.

use std::collections::BTreeMap;
use std::path::Path;

use blueberry_runlog::{Event, RunLog};
use serde::Deserialize;
use serde_json::Value;

use super::execute::{OUT, WRITTEN};
use super::handover;

const MODEL: &str = "model.safetensors";
/// The longest header that is read: some hundred bytes a tensor.
const HEADER_BYTES: u64 = 16 << 20;

/// The parameters of the newest model that the log says was saved in a run's folder; `None` where there is none that can
/// be read.
pub(super) fn saved_parameters(run: &Path, log: &RunLog) -> Option<u64> {
    let saved = log.lines.iter().rev().find_map(|line| match &line.event {
        Event::Checkpoint(checkpoint) => Some(checkpoint.path.as_str()),
        _ => None,
    })?;
    let mut below = vec![OUT];
    // A name that leads elsewhere is refused, like a link.
    below.extend(saved.split('/'));
    if below.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return None;
    }
    below.push(MODEL);
    let head = handover::start(&run.join(WRITTEN), &below, 8 + HEADER_BYTES).ok()?;
    count(&head)
}

/// The numbers of all tensors, by the header of a safetensors file: its length in 8 bytes, then JSON. `None` where it is
/// none.
#[must_use]
pub fn count(head: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Tensor {
        shape: Vec<u64>,
    }
    let (length, rest) = head.split_first_chunk()?;
    let header = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).ok()?;
    let tensors = header.iter().filter(|(name, _)| *name != "__metadata__");
    let mut sizes = tensors.map(|(_, tensor)| {
        let tensor = Tensor::deserialize(tensor).ok()?;
        tensor
            .shape
            .iter()
            .try_fold(1_u64, |size, side| size.checked_mul(*side))
    });
    sizes.try_fold(0_u64, |sum, size| sum.checked_add(size?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 40]);
        bytes
    }

    #[test]
    fn every_tensor_counts_and_nothing_else() {
        let header = r#"{"__metadata__":{"by":"x"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
            "b":{"dtype":"F32","shape":[4],"data_offsets":[24,40]}}"#;
        assert_eq!(count(&file(header)), Some(10));
        assert_eq!(count(&file("{}")), Some(0));
    }

    #[test]
    fn what_is_no_header_is_no_count() {
        let huge = format!(r#"{{"a":{{"shape":[{0},{0}]}}}}"#, u64::MAX);
        let mut long = file("{}");
        long[7] = 0x7f;
        for bytes in [
            file(&huge),
            file("[]"),
            file(r#"{"a":{"shape":"x"}}"#),
            long,
            vec![1, 0],
        ] {
            assert_eq!(count(&bytes), None);
        }
    }
}
