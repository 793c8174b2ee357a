//! Where a step's time goes, and what it could be.

use serde::Serialize;

use super::{Ceilings, OperationTime};

/// A step beside the operations that it is made of.
#[derive(Clone, Debug, Serialize)]
pub struct Profile {
    /// The device's best rates.
    pub ceilings: Ceilings,
    /// Median seconds of a step.
    pub step_s: f64,
    /// Targets of a step.
    pub tokens: u64,
    /// FLOPs of a step by the model's formula, without the optimiser.
    pub flops: f64,
    /// Each operation.
    pub operations: Vec<OperationTime>,
}

impl Profile {
    /// Targets per second.
    pub fn tokens_per_s(&self) -> f64 {
        self.tokens as f64 / self.step_s
    }

    /// Share of the measured product rate that the model's FLOPs use.
    pub fn utilisation(&self) -> f64 {
        self.flops / self.step_s / self.ceilings.product_flops
    }

    /// Seconds of a step if every operation ran at the device's ceiling.
    pub fn floor_s(&self) -> f64 {
        let floor = |op: &OperationTime| op.per_step as f64 * self.ceilings.floor_s(op.flops, op.bytes);
        self.operations.iter().map(floor).sum()
    }

    /// Seconds of a step that are in none of the operations; below 0 where they are slower alone than together.
    pub fn rest_s(&self) -> f64 {
        self.step_s - self.operations.iter().map(total_s).sum::<f64>()
    }

    /// The table for a terminal, what takes longest first.
    pub fn table(&self) -> String {
        let mut lines = vec![format!(
            "{:<34}{:>6}{:>12}{:>8}{:>11}{:>9}{:>9}",
            "operation", "runs", "ms a step", "share", "GFLOP/s", "GB/s", "x floor"
        )];
        let mut operations: Vec<&OperationTime> = self.operations.iter().collect();
        operations.sort_by(|a, b| total_s(b).total_cmp(&total_s(a)));
        lines.extend(operations.into_iter().map(|op| self.row(op)));
        lines.push(format!(
            "{:<34}{:>6}{:>12.2}{:>7.1}%",
            "rest of the step",
            "",
            self.rest_s() * 1e3,
            100.0 * self.rest_s() / self.step_s
        ));
        lines.push(format!(
            "step: {:.2} ms, {:.0} tokens/s, {:.1} GFLOP/s = {:.1} % of a large product's {:.1} GFLOP/s; a large copy moves {:.1} GB/s; {:.2} x the floor of {:.2} ms",
            self.step_s * 1e3,
            self.tokens_per_s(),
            self.flops / self.step_s / 1e9,
            100.0 * self.utilisation(),
            self.ceilings.product_flops / 1e9,
            self.ceilings.copy_bytes / 1e9,
            self.step_s / self.floor_s(),
            self.floor_s() * 1e3
        ));
        lines.join("\n")
    }

    fn row(&self, op: &OperationTime) -> String {
        let rate = |amount: f64| match amount {
            0.0 => "-".to_owned(),
            amount => format!("{:.1}", amount / op.seconds / 1e9),
        };
        format!(
            "{:<34}{:>6}{:>12.2}{:>7.1}%{:>11}{:>9}{:>9.2}",
            op.name,
            op.per_step,
            total_s(op) * 1e3,
            100.0 * total_s(op) / self.step_s,
            rate(op.flops),
            rate(op.bytes),
            op.seconds / self.ceilings.floor_s(op.flops, op.bytes)
        )
    }
}

fn total_s(op: &OperationTime) -> f64 {
    op.per_step as f64 * op.seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_and_rest_by_hand() {
        let operation = |name: &str, flops, bytes, per_step, seconds| OperationTime {
            name: name.into(),
            per_step,
            seconds,
            flops,
            bytes,
        };
        let profile = Profile {
            ceilings: Ceilings {
                product_flops: 100.0,
                copy_bytes: 10.0,
            },
            step_s: 10.0,
            tokens: 40,
            flops: 500.0,
            // At the ceiling: 2 x max(1, 0.5) and max(0, 3).
            operations: vec![
                operation("short", 100.0, 5.0, 2, 1.5),
                operation("long", 0.0, 30.0, 1, 4.0),
            ],
        };
        assert_eq!(profile.floor_s(), 5.0);
        assert_eq!(profile.rest_s(), 3.0);
        assert_eq!(profile.tokens_per_s(), 4.0);
        assert_eq!(profile.utilisation(), 0.5);
        let table = profile.table();
        assert!(table.contains("2.00 x the floor"));
        assert!(table.find("long") < table.find("short"), "{table}");
    }
}
