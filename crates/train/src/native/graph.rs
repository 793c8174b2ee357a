//! Which steps of a run are recorded and replayed, and what came of it.

use crate::native::warmup::{attempt, made_up, throw_away};
use crate::native::{DeviceInfo, Plan, RunError};
use crate::{Batch, Graph, StepError, StepShape, Trainer};

/// Whether steps on a device are to be recorded.
pub(crate) fn wanted(graph: Graph, device: &DeviceInfo) -> bool {
    match graph {
        Graph::Auto => device.api == "cuda",
        Graph::On => true,
        Graph::Off => false,
    }
}

/// Records the steps of a run, shape by shape, as long as it goes well.
pub(crate) struct Recorder {
    wanted: bool,
    /// Why steps are launched although a recording was wanted.
    refused: Option<String>,
    /// The shape that the run's trainer replays.
    recorded: Option<StepShape>,
}

impl Recorder {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            wanted: wanted(plan.settings.resolved.train.graph, &plan.device.info),
            refused: None,
            recorded: None,
        }
    }

    fn records(&self) -> bool {
        self.wanted && self.refused.is_none()
    }

    /// Records a shape on throw-away weights and holds a replayed step against a launched one.
    ///
    /// # Errors
    /// [`RunError::Graph`] where the run was told to do without no recording.
    pub(crate) fn check(&mut self, plan: &Plan, shape: StepShape) -> Result<(), RunError> {
        if !self.records() {
            return Ok(());
        }
        let checked = attempt(|| {
            let mut trainer = throw_away(plan);
            let [first, second] = [0, 1].map(|salt| batches(plan, shape, salt));
            let check = async {
                trainer.record(&first, shape.window)?;
                trainer.check_recording(&first, &second, shape.window).await
            };
            pollster::block_on(check).map_err(StepError::Device)
        });
        self.refuse(plan, checked.err().map(reason))
    }

    /// Has `trainer` replay steps of a shape; one that it does already costs nothing.
    ///
    /// # Errors
    /// As [`Recorder::check`].
    pub(crate) fn record(
        &mut self,
        plan: &Plan,
        trainer: &mut Trainer,
        shape: StepShape,
    ) -> Result<(), RunError> {
        let recorded = trainer.has_recording() && self.recorded == Some(shape);
        if recorded || !self.records() {
            return Ok(());
        }
        let made_up = batches(plan, shape, 0);
        let recorded = attempt(|| trainer.record(&made_up, shape.window).map_err(StepError::Device));
        self.recorded = Some(shape);
        self.refuse(plan, recorded.err().map(reason))
    }

    fn refuse(&mut self, plan: &Plan, reason: Option<String>) -> Result<(), RunError> {
        match reason {
            Some(reason) if plan.settings.resolved.train.graph == Graph::On => Err(RunError::Graph(reason)),
            reason => {
                self.refused = reason;
                Ok(())
            }
        }
    }

    /// For the log: what steps are, and why.
    pub(crate) fn words(&self) -> String {
        match &self.refused {
            Some(reason) => format!("launched, since it could not be recorded: {reason}"),
            None if self.wanted => "replayed".into(),
            None => "launched".into(),
        }
    }
}

fn reason(error: StepError) -> String {
    match error {
        StepError::Device(text) => text,
        other => other.to_string(),
    }
}

/// Made-up micro-batches of a step.
fn batches(plan: &Plan, shape: StepShape, salt: usize) -> Vec<Batch> {
    (0..shape.accumulation)
        .filter_map(|pass| {
            made_up(
                plan,
                shape.micro_batch,
                shape.seq_len,
                salt * shape.accumulation + pass,
            )
        })
        .collect()
}
