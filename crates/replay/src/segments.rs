//! Segments between splits, and the shortest ways along them.

use blueberry_runlog::import::Axis;

use crate::crossing::Crossing;

/// The shortest segment between any two splits over all runs, on one axis.
///
/// Nodes are the start (0) and the bars (1 and up). An edge is there where some run has these two as
/// neighbouring splits.
#[derive(Debug, Clone)]
pub struct Segments {
    axis: Axis,
    nodes: usize,
    /// Shortest segment, `nodes` by `nodes`, row: where it begins.
    edges: Vec<Option<f64>>,
    /// Shortest way along edges, laid out the same.
    ways: Vec<Option<f64>>,
}

/// A segment of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    from: usize,
    to: usize,
    /// Seconds or targets.
    pub length: f64,
}

impl Segments {
    /// The segments of runs, given as the crossings of `bars` bars each.
    #[must_use]
    pub fn new<'a>(bars: usize, runs: impl Iterator<Item = &'a [Option<Crossing>]>, axis: Axis) -> Self {
        let nodes = bars + 1;
        let edges = vec![None; nodes * nodes];
        let mut segments = Self {
            axis,
            nodes,
            ways: edges.clone(),
            edges,
        };
        for run in runs {
            let crossings: Vec<Option<&Crossing>> = run.iter().map(Option::as_ref).collect();
            for bar in 0..bars {
                if let Some(segment) = segments.segment(&crossings, bar) {
                    shorten(
                        &mut segments.edges[segment.from * nodes + segment.to],
                        segment.length,
                    );
                }
            }
        }
        segments.find_ways();
        segments
    }

    /// The segment of a run that ends at a bar; `None` where it did not get there or skipped it.
    #[must_use]
    pub fn segment(&self, run: &[Option<&Crossing>], bar: usize) -> Option<Segment> {
        let end = run[bar]?;
        let is_skipped = run
            .get(bar + 1)
            .copied()
            .flatten()
            .is_some_and(|next| next.row == end.row);
        if is_skipped {
            return None;
        }
        // Bars that the same evaluation crossed are no splits; the one before them is.
        let from = (0..bar)
            .rev()
            .find(|&before| run[before].is_some_and(|crossing| crossing.row < end.row));
        let start = match from {
            Some(from) => run[from]?.at.on(self.axis)?,
            None => 0.0,
        };
        let length = end.at.on(self.axis)? - start;
        // A resume went back between the two: there is no way of so many targets.
        if length < 0.0 {
            return None;
        }
        Some(Segment {
            from: from.map_or(0, |from| from + 1),
            to: bar + 1,
            length,
        })
    }

    /// Whether no run has a shorter segment between these two splits.
    #[must_use]
    pub fn is_best(&self, segment: Segment) -> bool {
        self.best(segment).is_some_and(|best| segment.length <= best)
    }

    /// The length of the shortest segment between the same two splits.
    #[must_use]
    pub fn best(&self, segment: Segment) -> Option<f64> {
        self.edges[segment.from * self.nodes + segment.to]
    }

    /// The best segment between two splits; `from` is `None` for the start.
    #[must_use]
    pub fn edge(&self, from: Option<usize>, to: usize) -> Option<f64> {
        self.edges[from.map_or(0, |from| from + 1) * self.nodes + to + 1]
    }

    /// The shortest way from the start to a bar.
    #[must_use]
    pub fn best_from_start(&self, to: usize) -> Option<f64> {
        self.ways[to + 1]
    }

    /// The shortest way from one bar to a later one; nothing from a bar to itself.
    #[must_use]
    pub fn best_between(&self, from: usize, to: usize) -> Option<f64> {
        if from == to {
            return Some(0.0);
        }
        self.ways[(from + 1) * self.nodes + to + 1]
    }

    /// Edges go forwards only, so the ways to a node are known before those beyond it.
    fn find_ways(&mut self) {
        for from in 0..self.nodes {
            for to in from + 1..self.nodes {
                let mut way = self.edges[from * self.nodes + to];
                for over in from + 1..to {
                    let first = self.ways[from * self.nodes + over];
                    if let (Some(first), Some(rest)) = (first, self.edges[over * self.nodes + to]) {
                        shorten(&mut way, first + rest);
                    }
                }
                self.ways[from * self.nodes + to] = way;
            }
        }
    }
}

fn shorten(best: &mut Option<f64>, length: f64) {
    *best = Some(best.map_or(length, |best| best.min(length)));
}
