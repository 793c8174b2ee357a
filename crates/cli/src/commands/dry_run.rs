//! `blueberry train --dry-run`: what a run would be and take, without starting it.

use anyhow::Result;
use blueberry_train::native::{MemoryPlan, OpenDevice, Plan};
use blueberry_train::{Curriculum, Settings};
use serde_json::json;

use crate::exit::Done;
use crate::format::{bytes, grouped};

/// Everything that is said of a run before it starts.
struct Forecast {
    parameters: u64,
    step_tokens: u64,
    tokens: u64,
    steps: u64,
    flops_per_token: f64,
    memory: MemoryPlan,
    /// All checkpoints that are kept, and the one that is being written.
    disk_bytes: u64,
}

/// Prints what `settings` would be on `device`. Data that is named is held against them, and nothing is written.
pub fn run(settings: &Settings, device: &OpenDevice, machine: bool) -> Result<Done> {
    let forecast = Forecast::new(settings, device)?;
    let data = Plan::check_named_data(settings);
    if machine {
        let mut said = forecast.json(device);
        said["data_doubt"] = json!(data.as_ref().ok().cloned().flatten());
        outln!("{said}");
    } else {
        forecast.print(settings, device);
    }
    // Behind the forecast, which does not depend on it.
    if let Some(doubt) = data?
        && !machine
    {
        outln!("{doubt}");
    }
    Ok(Done::Yes)
}

impl Forecast {
    fn new(settings: &Settings, device: &OpenDevice) -> Result<Self> {
        let preset = &settings.resolved;
        let curriculum = Curriculum::new(preset)?;
        let memory = MemoryPlan::new(preset, device)?;
        let saved = preset.checkpoint.keep.max(1) as u64 + 1;
        Ok(Self {
            parameters: preset.model.counts().parameters,
            step_tokens: curriculum.shape(0).tokens(),
            tokens: curriculum.total_tokens(),
            steps: curriculum.total_steps(),
            flops_per_token: preset.model.flops_per_token(preset.train.seq_len),
            disk_bytes: saved * memory.predicted.checkpoint(),
            memory,
        })
    }

    fn json(&self, device: &OpenDevice) -> serde_json::Value {
        let memory = &self.memory;
        json!({
            "parameters": self.parameters,
            "tokens_per_step": self.step_tokens,
            "tokens": self.tokens,
            "steps": self.steps,
            "flops_per_token": self.flops_per_token,
            "device": {
                "id": device.info.id,
                "name": device.info.name,
                "memory_bytes": device.info.memory_bytes,
                "available_bytes": memory.available,
            },
            "memory": memory.predicted,
            "memory_total_bytes": memory.predicted.total(),
            "fits": memory.fits(),
            "advice": memory.advice(),
            "checkpoints_bytes": self.disk_bytes,
        })
    }

    fn print(&self, settings: &Settings, device: &OpenDevice) {
        let info = &device.info;
        outln!("{} on {} ({})", settings.preset, info.name, info.id);
        outln!("  parameters        {}", grouped(self.parameters));
        outln!(
            "  steps             {} ({} tokens, {} a step at first)",
            grouped(self.steps),
            grouped(self.tokens),
            grouped(self.step_tokens)
        );
        outln!("  FLOPs a token     {:.3e}", self.flops_per_token);
        outln!("memory at its peak, predicted");
        for (part, held) in self.memory.predicted.rows() {
            outln!("  {part:<17} {:>10}", bytes(held));
        }
        outln!("  {:<17} {:>10}", "total", bytes(self.memory.predicted.total()));
        if self.memory.predicted.freed > 0 {
            outln!(
                "  (freed: what the allocator keeps for the next buffer, to a tenth of the whole; recompute leaves none)"
            );
        }
        let of = |memory: Option<u64>| memory.map_or_else(|| "unknown".to_owned(), bytes);
        outln!(
            "  {:<17} {:>10} of {}",
            "available",
            of(self.memory.available),
            of(info.memory_bytes)
        );
        if !self.memory.fits() {
            outln!("  it does not fit: {}", self.memory.advice());
        }
        outln!("disk for checkpoints {}", bytes(self.disk_bytes));
    }
}
