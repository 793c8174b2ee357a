//! Figures as they stand in a record's texts.

use std::collections::BTreeMap;

use blueberry_rules::Summary;

/// A figure by name as text: thousandths of seconds, five decimals of nats, whole counts.
#[must_use]
pub fn figure_text(name: &str, value: f64) -> String {
    match name {
        "train_s" | "wall_s" | "warmup_s" | "wall_s_to_loss" => format!("{value:.3}"),
        "val_loss" => format!("{value:.5}"),
        _ => format!("{value:.0}"),
    }
}

/// The means over the runs as text.
#[must_use]
pub fn mean_texts(summary: &Summary) -> BTreeMap<String, String> {
    let text = |name: String, mean| {
        let text = figure_text(&name, mean);
        (name, text)
    };
    summary
        .figures()
        .into_iter()
        .map(|(name, figure)| text(name, figure.mean))
        .collect()
}
