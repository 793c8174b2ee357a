//! A category's record over time, as steps.

use blueberry_rules::{Category, Entry, progression};

use super::loss::short;
use super::picture::{Axis, Line, Picture, Tick};
use crate::date::day_number;

/// The record of a category over time; an empty frame where there was none yet.
#[must_use]
pub fn progression_picture(category: &Category, entries: &[Entry]) -> Picture {
    let records: Vec<(f64, f64, &Entry)> = progression(category, entries)
        .into_iter()
        .filter_map(|entry| Some((day_number(entry.since())? as f64, entry.mean()?, entry)))
        .collect();
    let x = Axis::around(records.iter().map(|record| record.0)).with_margin();
    let y = Axis::around(records.iter().map(|record| record.1)).with_margin();
    let mut points = Vec::new();
    for (day, figure, _) in &records {
        // The old record stood until that day.
        points.extend(
            points
                .last()
                .map(|&(_, before): &(f64, f64)| (x.place(*day), before)),
        );
        points.push((x.place(*day), y.place(*figure)));
    }
    let unit = if category.metric.is_time() {
        "seconds"
    } else {
        "nats a token"
    };
    Picture {
        title: format!("{}: the record over time", category.name),
        x_label: "day".into(),
        y_label: format!("{}, {unit}", category.metric.name()),
        x_ticks: days(&records, x),
        y_ticks: if records.is_empty() {
            Vec::new()
        } else {
            y.ticks(8, short)
        },
        bar: None,
        lines: if points.is_empty() {
            Vec::new()
        } else {
            vec![Line {
                points,
                color: 0,
                raw: false,
                name: None,
            }]
        },
    }
}

/// Labels for the first and the last day.
fn days(records: &[(f64, f64, &Entry)], x: Axis) -> Vec<Tick> {
    let mut ends: Vec<_> = records.first().into_iter().chain(records.last()).collect();
    ends.dedup_by_key(|record| record.0);
    ends.into_iter()
        .map(|(day, _, entry)| Tick {
            place: x.place(*day),
            label: entry.since().to_owned(),
        })
        .collect()
}
