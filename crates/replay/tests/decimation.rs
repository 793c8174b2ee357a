//! Decimation loses nothing that a person should see.

mod common;

use blueberry_replay::{Axis, Curve, Extremes, Metric, Pyramid, Scale, Span, View};
use common::{Chance, trained};

const ROWS: usize = 200_000;

/// A calm series with 1,000 rows that stand out for one row each.
fn spiked(chance: &mut Chance) -> (Vec<f64>, Vec<usize>) {
    let mut values: Vec<f64> = (0..ROWS)
        .map(|row| 3.0 + 0.1 * ((row as f64) * 0.01).sin())
        .collect();
    let mut spikes = std::collections::BTreeSet::new();
    while spikes.len() < 1000 {
        spikes.insert(chance.below(ROWS));
    }
    let spikes: Vec<usize> = spikes.into_iter().collect();
    for (index, &row) in spikes.iter().enumerate() {
        values[row] = match index % 4 {
            0 => f64::NAN,
            1 => 100.0 + index as f64,
            2 => -100.0 - index as f64,
            _ => f64::INFINITY,
        };
    }
    (values, spikes)
}

#[test]
fn no_spike_and_no_nan_is_lost_at_any_zoom() {
    let mut chance = Chance::new(3);
    let (values, spikes) = spiked(&mut chance);
    let run = trained(&values);
    let (positions, values) = run.series(&Metric::TrainLoss, Axis::Tokens).unwrap();
    let curve = Curve::new(&run, &Metric::TrainLoss, 1e6).unwrap();
    let end = positions[ROWS - 1];
    for zoom in 0..40 {
        let width = end / 2f64.powi(zoom % 16);
        let from = if zoom == 0 {
            0.0
        } else {
            chance.between(0.0, end - width)
        };
        let scale = if zoom % 3 == 2 { Scale::Log } else { Scale::Linear };
        let span = Span::new(from.max(1.0), from + width, scale);
        let edges = span.edges(1 + chance.below(1500));
        let buckets = curve.raw_buckets(positions, values, &edges);
        let in_view = spikes
            .iter()
            .filter(|&&row| (span.from..=span.to).contains(&positions[row]));
        for &row in in_view {
            let bucket = buckets
                .iter()
                .find(|bucket| (bucket.from..bucket.to).contains(&row))
                .unwrap();
            if values[row].is_finite() {
                assert!(bucket.extremes.min <= values[row] && values[row] <= bucket.extremes.max);
            } else {
                assert!(bucket.extremes.has_gap);
            }
        }
        // And invents none: each extreme is a value of its bucket.
        for bucket in buckets.iter().filter(|bucket| bucket.extremes.has_number()) {
            assert!(values[bucket.from..bucket.to].contains(&bucket.extremes.max));
            assert!(values[bucket.from..bucket.to].contains(&bucket.extremes.min));
        }
    }
}

#[test]
fn every_spike_is_drawn() {
    let mut chance = Chance::new(4);
    let (values, spikes) = spiked(&mut chance);
    let run = trained(&values);
    let curve = Curve::new(&run, &Metric::TrainLoss, 0.0).unwrap();
    let end = 1000.0 * (ROWS - 1) as f64;
    for pixels in [37, 640, 3840] {
        let view = View {
            axis: Axis::Tokens,
            x: Span::new(0.0, end, Scale::Linear),
            y: Span::new(-2000.0, 2000.0, Scale::Linear),
            width: pixels,
            height: 1000,
            until: f64::INFINITY,
        };
        let stroke = view.stroke(&run, &Metric::TrainLoss, &curve);
        for &row in &spikes {
            // A rounded pixel may be its neighbour.
            let x = view.x_pixel(1000.0 * row as f64);
            let near = |column: f32| (column - x).abs() <= 1.0;
            let drawn = if values[row].is_finite() {
                let y = view.y_pixel(values[row]);
                stroke
                    .envelope
                    .iter()
                    .any(|&[x, top, bottom]| near(x) && top <= y && y <= bottom)
            } else {
                stroke.gaps.iter().any(|&gap| near(gap))
            };
            assert!(drawn, "row {row}, {} at {pixels} pixels", values[row]);
        }
        assert!(stroke.line.len() <= 4 * pixels && stroke.envelope.len() <= pixels);
    }
}

#[test]
fn nothing_behind_the_playhead_is_drawn() {
    let run = trained(&[5.0, 4.0, 3.0, 100.0]);
    let curve = Curve::new(&run, &Metric::TrainLoss, 0.0).unwrap();
    let view = View {
        axis: Axis::Tokens,
        x: Span::new(0.0, 3000.0, Scale::Linear),
        y: Span::new(0.0, 100.0, Scale::Linear),
        width: 300,
        height: 100,
        until: 2500.0,
    };
    let stroke = view.stroke(&run, &Metric::TrainLoss, &curve);
    assert_eq!(stroke.line, [[0.0, 95.0], [100.0, 96.0], [200.0, 97.0]]);
    assert_eq!(stroke.envelope.len(), 3);
}

#[test]
fn a_pyramid_answers_as_a_scan() {
    let mut chance = Chance::new(5);
    for rows in [0, 1, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097] {
        let value = |chance: &mut Chance| {
            if chance.below(20) == 0 {
                f64::NAN
            } else {
                chance.unit()
            }
        };
        let values: Vec<f64> = (0..rows).map(|_| value(&mut chance)).collect();
        let pyramid = Pyramid::new(&values);
        for _ in 0..200 {
            let (a, b) = (chance.below(rows + 2), chance.below(rows + 2));
            let (from, to) = (a.min(b).min(rows), a.max(b).min(rows));
            let expected = values[from..to]
                .iter()
                .map(|&v| Extremes::of(v))
                .fold(Extremes::NONE, Extremes::and);
            assert_eq!(
                pyramid.extremes(&values, a.min(b), a.max(b)),
                expected,
                "{from}..{to} of {rows}"
            );
        }
    }
}

#[test]
fn a_pyramid_grows_and_shrinks_as_made_anew() {
    let mut chance = Chance::new(6);
    let (mut values, mut pyramid) = (Vec::new(), Pyramid::default());
    for _ in 0..300 {
        let unchanged = if chance.below(4) == 0 {
            chance.below(values.len() + 1)
        } else {
            values.len()
        };
        values.truncate(unchanged);
        let more = chance.below(40);
        values.extend((0..more).map(|_| chance.unit()));
        pyramid.update(&values, unchanged);
        let (from, to) = (chance.below(values.len() + 1), values.len());
        let anew = Pyramid::new(&values);
        assert_eq!(
            pyramid.extremes(&values, from, to),
            anew.extremes(&values, from, to)
        );
        assert_eq!(pyramid.extremes(&values, 0, to), anew.extremes(&values, 0, to));
    }
}
