//! Warm-up: every shape of the run is computed once on throw-away weights and made-up tokens, so that
//! kernels are compiled and tuned before the clock starts.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::native::graph::Recorder;
use crate::native::memory::{advice, place};
use crate::native::{Plan, RunError};
use crate::{Batch, StepError, StepShape, Trainer, sample};

/// Throw-away weights have a seed of their own, so that nothing of the run can depend on them.
const SEED_OFFSET: u64 = 0x7761_726d;

/// Runs every shape of `plan` once, and records it where that is wanted; what came of that is in the result.
///
/// # Errors
/// [`RunError::OutOfMemory`] names a micro-batch that was tried and fits; [`RunError::Step`]; [`RunError::Graph`].
pub(crate) fn warm_up(plan: &Plan) -> Result<Recorder, RunError> {
    let mut recorder = Recorder::new(plan);
    let shapes: BTreeSet<StepShape> = plan.curriculum.stages().iter().map(|stage| stage.shape).collect();
    for shape in shapes {
        try_shape(plan, shape).map_err(|failure| explain_by(plan, 0, shape, failure, measured_advice))?;
        recorder.check(plan, shape)?;
    }
    let (id, batch) = (&plan.device.info.id, plan.settings.resolved.eval.batch);
    attempt(|| evaluate_once(plan)).map_err(|failure| explain_evaluation(id, batch, 0, failure))?;
    plan.device.device.memory_cleanup();
    Ok(recorder)
}

/// Fresh weights that are not the run's.
pub(crate) fn throw_away(plan: &Plan) -> Trainer {
    plan.trainer(plan.settings.seed ^ SEED_OFFSET)
}

/// One step of a shape. A device's failure to allocate comes as a panic out of its backend.
fn try_shape(plan: &Plan, shape: StepShape) -> Result<(), StepError> {
    attempt(|| {
        let mut trainer = throw_away(plan);
        // Two passes compile what any number of passes needs.
        let passes = shape.accumulation.min(2);
        let batches: Vec<Batch> = (0..passes)
            .filter_map(|pass| made_up(plan, shape.micro_batch, shape.seq_len, pass))
            .collect();
        // A rate of zero: made-up tokens teach nothing, and must not make the loss run away.
        pollster::block_on(trainer.step(&batches, shape.window, 0.0)).map(|_| ())
    })
}

/// `step`, with a panic of the device's backend as the error that it is. Whatever it was at must not be used again.
pub(crate) fn attempt<T>(step: impl FnOnce() -> Result<T, StepError>) -> Result<T, StepError> {
    catch_unwind(AssertUnwindSafe(step))
        .unwrap_or_else(|panic| Err(StepError::Device(panic_text(panic.as_ref()))))
}

fn evaluate_once(plan: &Plan) -> Result<(), StepError> {
    let mut trainer = throw_away(plan);
    let shapes: BTreeSet<(usize, usize)> = plan
        .validation
        .iter()
        .map(|batch| (batch.len(), batch.seq()))
        .collect();
    for (salt, (rows, seq)) in shapes.into_iter().enumerate() {
        if let Some(batch) = made_up(plan, rows, seq, salt) {
            pollster::block_on(trainer.loss(&batch))?;
        }
    }
    let mut settings = plan.settings.resolved.sample.clone();
    if settings.every_tokens > 0 {
        settings.length = 1;
        pollster::block_on(sample(&mut trainer, &settings, &[0], None, 0))?;
    }
    Ok(())
}

/// Made-up tokens, others for another salt.
pub(crate) fn made_up(plan: &Plan, rows: usize, seq: usize, salt: usize) -> Option<Batch> {
    let vocab = plan.settings.resolved.model.vocab_size;
    let tokens = (0..rows * (seq + 1)).map(|i| ((i * 31 + i / 7 + salt * 17) % vocab) as u16);
    Batch::new(tokens.collect(), seq)
}

/// The failure of step `step`; where it was for want of memory, with the micro-batch that fits by the prediction.
pub(crate) fn explain(plan: &Plan, step: u64, shape: StepShape, failure: StepError) -> RunError {
    explain_by(plan, step, shape, failure, predicted_advice)
}

/// The failure of an evaluation of `batch` sequences at once, on the device `id` after step `step`.
pub(crate) fn explain_evaluation(id: &str, batch: usize, step: u64, failure: StepError) -> RunError {
    match &failure {
        StepError::Device(text) if is_memory_failure(text) => RunError::EvaluationOutOfMemory {
            id: id.to_owned(),
            batch,
        },
        _ => RunError::Step { step, cause: failure },
    }
}

fn explain_by(
    plan: &Plan,
    step: u64,
    shape: StepShape,
    failure: StepError,
    advice: fn(&Plan, StepShape) -> String,
) -> RunError {
    match &failure {
        StepError::Device(text) if is_memory_failure(text) => RunError::OutOfMemory {
            id: plan.device.info.id.clone(),
            micro_batch: shape.micro_batch,
            advice: advice(plan, shape),
        },
        _ => RunError::Step { step, cause: failure },
    }
}

/// What fits on the device, tried out.
fn measured_advice(plan: &Plan, shape: StepShape) -> String {
    advice_by(shape, |micro_batch| {
        plan.device.device.memory_cleanup();
        try_shape(plan, StepShape { micro_batch, ..shape }).is_ok()
    })
}

/// What fits by the formulas, or half where they took this shape to fit or nothing is known of the device.
fn predicted_advice(plan: &Plan, shape: StepShape) -> String {
    let preset = &plan.settings.resolved;
    match (plan.memory.available, place(preset, &plan.device)) {
        (Some(available), Ok(place)) if !plan.memory.fits() => advice(preset, place, available),
        _ => match shape.micro_batch / 2 {
            0 => NOTHING_FITS.to_owned(),
            half => format!("micro_batch = {half} may fit; {}", flags(shape, half)),
        },
    }
}

/// Halves the micro-batch until one `fits`.
fn advice_by(shape: StepShape, fits: impl Fn(usize) -> bool) -> String {
    let halves = std::iter::successors(Some(shape.micro_batch / 2), |&n| Some(n / 2));
    let Some(micro_batch) = halves.take_while(|&n| n > 0).find(|&n| fits(n)) else {
        return NOTHING_FITS.to_owned();
    };
    format!("micro_batch = {micro_batch} fits; {}", flags(shape, micro_batch))
}

const NOTHING_FITS: &str = "not even micro_batch = 1 fits: choose a smaller model or a shorter train.seq_len";

/// How to say it.
fn flags(shape: StepShape, micro_batch: usize) -> String {
    let accumulation = shape.accumulation * shape.micro_batch.div_ceil(micro_batch);
    format!(
        "`--set train.micro_batch={micro_batch} --set train.accumulation={accumulation}` keeps the tokens of a step"
    )
}

/// What the backends and drivers say when there is no memory.
fn is_memory_failure(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "out of memory",
        "outofmemory",
        "out_of_memory",
        "can't allocate",
        "cannot allocate",
        "buffer too big",
        "buffer size",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("an unknown panic")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(micro_batch: usize) -> StepShape {
        StepShape {
            seq_len: 128,
            micro_batch,
            accumulation: 3,
            window: None,
        }
    }

    #[test]
    fn the_advice_is_the_largest_half_that_fits() {
        let advice = advice_by(shape(16), |micro_batch| micro_batch <= 5);
        assert!(
            advice.contains("train.micro_batch=4 --set train.accumulation=12"),
            "{advice}"
        );
        assert!(advice_by(shape(16), |_| false).contains("not even micro_batch = 1"));
        assert!(advice_by(shape(1), |_| true).contains("not even micro_batch = 1"));
    }

    #[test]
    fn an_evaluation_that_does_not_fit_says_what_may() {
        let device = |text: &str| StepError::Device(text.to_owned());
        let error = explain_evaluation("cuda:0", 16, 7, device("CUDA_ERROR_OUT_OF_MEMORY"));
        assert!(!error.is_bad_input());
        let words = error.to_string();
        for part in ["eval.batch = 16", "`cuda:0`", "--set eval.batch=8"] {
            assert!(words.contains(part), "{words}");
        }
        let error = explain_evaluation("cuda:0", 16, 7, device("the device was lost"));
        assert!(error.to_string().contains("step 7"), "{error}");
    }

    #[test]
    fn only_a_lack_of_memory_reads_as_one() {
        assert!(is_memory_failure("CUDA_ERROR_OUT_OF_MEMORY"));
        assert!(is_memory_failure("Not enough memory left: Out of Memory"));
        assert!(!is_memory_failure("the device was lost"));
    }
}
