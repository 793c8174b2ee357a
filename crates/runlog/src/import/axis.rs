//! What a run can be plotted over, and what can be plotted.

use std::borrow::Cow;

/// What a run can be plotted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    /// Optimiser steps.
    Step,
    /// Consumed targets.
    Tokens,
    /// Seconds of training; pauses for validation.
    TrainS,
    /// Seconds since the first step; does not pause.
    WallS,
}

impl Axis {
    /// Every axis, in the order of [`Position`]'s fields.
    pub const ALL: [Self; 4] = [Self::Step, Self::Tokens, Self::TrainS, Self::WallS];

    /// Its name in logs and links.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Tokens => "tokens",
            Self::TrainS => "train_s",
            Self::WallS => "wall_s",
        }
    }

    /// The axis of a [`key`](Self::key).
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|axis| axis.key() == key)
    }

    /// Whether it counts seconds.
    #[must_use]
    pub fn is_time(self) -> bool {
        matches!(self, Self::TrainS | Self::WallS)
    }
}

/// What can be plotted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Training loss in nats per token.
    TrainLoss,
    /// Validation loss in nats per token.
    ValLoss,
    /// Learning rate.
    Lr,
    /// Targets per second.
    TokensPerS,
    /// Share of the device's peak FLOP/s, 0 to 1.
    Mfu,
    /// Norm of the whole gradient before clipping.
    GradNorm,
    /// Device memory in use in bytes.
    MemoryBytes,
    /// A series of a foreign log, by its name there.
    Other(Box<str>),
}

impl Metric {
    /// The metrics that have a meaning here, in the order of the page.
    pub const KNOWN: [Self; 7] = [
        Self::TrainLoss,
        Self::ValLoss,
        Self::Lr,
        Self::TokensPerS,
        Self::Mfu,
        Self::GradNorm,
        Self::MemoryBytes,
    ];

    /// Its name in links and tables.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::TrainLoss => "train_loss",
            Self::ValLoss => "val_loss",
            Self::Lr => "lr",
            Self::TokensPerS => "tokens_per_s",
            Self::Mfu => "mfu",
            Self::GradNorm => "grad_norm",
            Self::MemoryBytes => "memory_bytes",
            Self::Other(name) => name,
        }
    }

    /// The metric of a [`key`](Self::key).
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|metric| metric.key() == key);
        known.unwrap_or_else(|| Self::Other(key.into()))
    }

    /// The metric that programs call by this name. Groups before a slash are looked at only where they tell
    /// training from validation.
    #[must_use]
    pub fn from_foreign(name: &str) -> Self {
        let lower = lower_case(name);
        let (group, leaf) = lower.rsplit_once('/').unwrap_or(("", &lower));
        let validates = ["val", "valid", "validation", "eval", "test"].contains(&group);
        match leaf {
            "val_loss" | "valid_loss" | "validation_loss" | "eval_loss" => Self::ValLoss,
            "loss" if validates => Self::ValLoss,
            "loss" | "train_loss" | "training_loss" | "lm_loss" => Self::TrainLoss,
            "lr" | "learning_rate" => Self::Lr,
            "grad_norm" | "gradient_norm" => Self::GradNorm,
            "tokens_per_s" | "tokens_per_sec" | "tokens_per_second" | "tok_per_sec" => Self::TokensPerS,
            "mfu" => Self::Mfu,
            "memory_bytes" => Self::MemoryBytes,
            _ => Self::Other(name.into()),
        }
    }
}

fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Where a run stands; an axis that its log lacks is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Position {
    /// Optimiser steps.
    pub step: Option<f64>,
    /// Consumed targets.
    pub tokens: Option<f64>,
    /// Seconds of training.
    pub train_s: Option<f64>,
    /// Seconds since the first step.
    pub wall_s: Option<f64>,
}

impl Position {
    /// Where it stands on an axis.
    #[must_use]
    pub fn on(&self, axis: Axis) -> Option<f64> {
        match axis {
            Axis::Step => self.step,
            Axis::Tokens => self.tokens,
            Axis::TrainS => self.train_s,
            Axis::WallS => self.wall_s,
        }
    }

    /// Sets an axis.
    pub fn set(&mut self, axis: Axis, value: f64) {
        match axis {
            Axis::Step => self.step = Some(value),
            Axis::Tokens => self.tokens = Some(value),
            Axis::TrainS => self.train_s = Some(value),
            Axis::WallS => self.wall_s = Some(value),
        }
    }
}

impl From<crate::At> for Position {
    fn from(at: crate::At) -> Self {
        Self {
            step: Some(at.step as f64),
            tokens: Some(at.tokens as f64),
            train_s: Some(at.train_s),
            wall_s: Some(at.wall_s),
        }
    }
}
