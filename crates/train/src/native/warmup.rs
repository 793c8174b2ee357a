//! Warm-up: every shape of the run is computed once on throw-away weights and made-up tokens, so that
//! kernels are compiled and tuned before the clock starts.

use std::collections::BTreeSet;
use std::io::Write;

use crate::native::graph::Recorder;
use crate::native::memory::{advice, place};
use crate::native::panics::caught;
use crate::native::{Plan, RunError};
use crate::{Batch, StepError, StepShape, Trainer, sample};

/// Throw-away weights have a seed of their own, so that nothing of the run can depend on them.
const SEED_OFFSET: u64 = 0x7761_726d;

/// Runs every shape of `plan` once, and records it where that is wanted; what came of that is in the result.
///
/// # Errors
/// [`RunError::OutOfMemory`] names a micro-batch that should fit; [`RunError::Step`]; [`RunError::Graph`].
pub(crate) fn warm_up(plan: &Plan) -> Result<Recorder, RunError> {
    let mut recorder = Recorder::new(plan);
    let shapes: BTreeSet<StepShape> = plan.curriculum.stages().iter().map(|stage| stage.shape).collect();
    for shape in shapes {
        try_shape(plan, shape).map_err(|failure| explain(plan, 0, shape, failure))?;
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
    match caught(step) {
        (Err(panic), _) => Err(StepError::Device(panic)),
        // What failed first is on the device's thread; what came of it may say less.
        (Ok(Err(StepError::Device(text))), Some(cause)) if !text.contains(&cause) => {
            Err(StepError::Device(format!("{cause}; {text}")))
        }
        (Ok(Ok(value)), Some(told)) => {
            // What was computed may be right all the same; nobody else would say that something was not.
            let _ = writeln!(std::io::stderr(), "warning: on a device's thread: {told}");
            Ok(value)
        }
        (Ok(result), _) => result,
    }
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

/// The failure of step `step`; where it was for want of memory, with the micro-batch that fits by the prediction. Nothing is
/// tried: a driver that has run out of memory may end the process at the next call.
pub(crate) fn explain(plan: &Plan, step: u64, shape: StepShape, failure: StepError) -> RunError {
    match &failure {
        StepError::Device(text) if is_memory_failure(text) => RunError::OutOfMemory {
            id: plan.device.info.id.clone(),
            micro_batch: shape.micro_batch,
            advice: predicted_advice(plan, shape),
        },
        _ => RunError::Step { step, cause: failure },
    }
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

const NOTHING_FITS: &str = "not even micro_batch = 1 fits: choose a smaller model or a shorter train.seq_len";

/// How to say it.
fn flags(shape: StepShape, micro_batch: usize) -> String {
    let accumulation = shape.accumulation * shape.micro_batch.div_ceil(micro_batch);
    format!(
        "`--set train.micro_batch={micro_batch} --set train.accumulation={accumulation}` keeps the tokens of a step"
    )
}

/// What the backends and drivers say when there is no memory, or when a tensor is larger than they can take.
fn is_memory_failure(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "out of memory",
        "out of device memory",
        "outofmemory",
        "out_of_memory",
        "not enough memory",
        "can't allocate",
        "cannot allocate",
        "buffer too big",
        "buffer size",
        // One launch has at most 65,535 groups on some devices.
        "count too big",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(is_memory_failure("wgpu error: Out of Memory"));
        assert!(is_memory_failure("out of device memory allocating 512 bytes"));
        assert!(is_memory_failure("Cube count too big (131072, 16, 1)"));
        assert!(!is_memory_failure("the device was lost"));
    }
}
