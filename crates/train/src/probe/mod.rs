//! Asks a trained model itself: does it see the future, and do its probabilities sum to 1?
//!
//! A log cannot tell. A leaking mask gives a loss that is too good, and so does a loss that is not normalised; both have
//! been submitted elsewhere, the second with probabilities that summed to 277.

mod logits;

pub use logits::{Outputs, ProbeReport, check_logits};

use crate::trainer::read;
use crate::{Batch, StepError, Trainer};

/// Probes the weights of `trainer`, whose model has `vocab` tokens, at rows of `seq` inputs.
///
/// # Errors
/// [`StepError`] when the device fails.
pub async fn probe(trainer: &mut Trainer, vocab: usize, seq: usize) -> Result<ProbeReport, StepError> {
    check_logits(vocab, seq, async |tokens: &[u16]| {
        let logits = read(trainer.logits(&tokens[..seq])).await?;
        let batch = Batch::new(tokens.to_vec(), seq)
            .ok_or_else(|| StepError::Device("a probe needs rows of at least one token".into()))?;
        let loss = trainer.loss(&batch).await?;
        Ok(Outputs { logits, loss })
    })
    .await
}

#[cfg(all(test, feature = "native"))]
mod tests {
    use blueberry_kernels::{AttentionMask, Head, LossTerms, Operations};
    use burn::tensor::{Device, Int, Tensor};

    use super::*;
    use crate::check_config;
    use crate::device_check::check_optim;

    fn probed(operations: Operations) -> ProbeReport {
        let config = check_config();
        let trainer = Trainer::new(&config, &check_optim(), 1, &Device::flex(), None);
        let mut trainer = trainer.with_operations(operations);
        pollster::block_on(probe(&mut trainer, config.vocab_size, 21)).expect("computes")
    }

    /// Attention in which every position also sees the last value of its row.
    fn leaking(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &AttentionMask) -> Tensor<4> {
        let attended = blueberry_kernels::attention(q, k, v.clone(), mask);
        let [batch, seq, _, head] = v.dims();
        let last = v.slice([0..batch, seq - 1..seq, 0..1, 0..head]);
        attended + last * 0.01
    }

    #[test]
    fn our_model_is_clean() {
        let report = probed(Operations::default());
        // Rounding: a loss of about 4.5 in f32, and rows that are computed alike whatever follows them.
        assert!((report.worst_probability_sum - 1.0).abs() < 1e-4, "{report:?}");
        assert!(report.worst_future_influence < 1e-4, "{report:?}");
    }

    /// A loss that calls every target 277 times as likely as the logits do.
    fn unnormalised(x: Tensor<2>, head: Head, targets: Tensor<1, Int>, terms: LossTerms) -> Tensor<1> {
        blueberry_kernels::head_loss(x, head, targets, terms) - 277f64.ln()
    }

    #[test]
    fn probabilities_that_sum_to_277_are_found() {
        let report = probed(Operations {
            head_loss: unnormalised,
            ..Operations::default()
        });
        // Rounding of a loss of about 4.5 in f32.
        assert!(
            (report.worst_probability_sum / 277.0 - 1.0).abs() < 1e-4,
            "{report:?}"
        );
    }

    #[test]
    fn attention_that_sees_the_last_token_is_found() {
        let report = probed(Operations {
            attention: leaking,
            ..Operations::default()
        });
        assert!(report.worst_future_influence > 1e-3, "{report:?}");
    }
}
