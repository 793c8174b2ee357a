//! Unbroken runs of windows, of which only the first few are kept.

use std::ops::Range;

/// The windows of a part of the stream that overlap.
pub(super) struct Runs {
    windows: u64,
    count: u64,
    first: Vec<Run>,
    /// How many are kept; at least one, by which [`Runs::append`] knows where the part begins.
    limit: usize,
    /// One beyond the last window.
    end: Option<u64>,
}

/// An unbroken run of windows.
#[derive(Debug, PartialEq)]
pub(super) struct Run {
    /// First tokens of its windows, in the stream.
    pub(super) starts: Range<u64>,
    /// The window of the validation set that equals the first.
    pub(super) validation: u64,
}

impl Runs {
    /// None yet; the first `limit` will be kept.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            windows: 0,
            count: 0,
            first: Vec::new(),
            limit: limit.max(1),
            end: None,
        }
    }

    /// Number of windows.
    pub(super) fn windows(&self) -> u64 {
        self.windows
    }

    /// Number of runs.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The first `places` runs, of those that are kept.
    pub(super) fn first(&self, places: usize) -> impl Iterator<Item = &Run> {
        self.first.iter().take(places)
    }

    /// The window at `start`, behind all others, equals window `validation` of the set.
    pub(super) fn push(&mut self, start: u64, validation: u64) {
        self.windows += 1;
        if self.end == Some(start) {
            self.extend_last(start + 1);
        } else {
            self.count += 1;
            if self.first.len() < self.limit {
                let starts = start..start + 1;
                self.first.push(Run { starts, validation });
            }
        }
        self.end = Some(start + 1);
    }

    /// Takes the runs of the next part of the stream, which begins at `start`.
    pub(super) fn append(&mut self, mut next: Self, start: u64) {
        let joined =
            self.end == Some(start) && next.first.first().is_some_and(|run| run.starts.start == start);
        if joined {
            let head = next.first.remove(0);
            self.extend_last(head.starts.end);
        }
        self.windows += next.windows;
        self.count += next.count - u64::from(joined);
        self.end = next.end.or(self.end);
        self.first.extend(next.first);
        self.first.truncate(self.limit);
    }

    /// The last run may be one that is not kept.
    fn extend_last(&mut self, end: u64) {
        if self.count == self.first.len() as u64
            && let Some(run) = self.first.last_mut()
        {
            run.starts.end = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(limit: usize, starts: &[u64]) -> Runs {
        let mut runs = Runs::new(limit);
        starts.iter().for_each(|&start| runs.push(start, start * 10));
        runs
    }

    fn summary(runs: &Runs) -> (u64, u64, Vec<(u64, u64, u64)>) {
        let first = runs
            .first
            .iter()
            .map(|run| (run.starts.start, run.starts.end, run.validation));
        (runs.windows, runs.count, first.collect())
    }

    #[test]
    fn parts_join_to_what_the_whole_gives() {
        // Every subset of ten windows, cut everywhere, with every limit.
        for subset in 0..1u64 << 10 {
            let starts: Vec<u64> = (0..10).filter(|at| subset >> at & 1 == 1).collect();
            for (cut, limit) in (0..=10).flat_map(|cut| (1..5).map(move |limit| (cut, limit))) {
                let (left, right) = starts.split_at(starts.partition_point(|&start| start < cut));
                let mut joined = runs(limit, left);
                joined.append(runs(limit, right), cut);
                assert_eq!(
                    summary(&joined),
                    summary(&runs(limit, &starts)),
                    "{starts:?} cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn runs_are_counted_beyond_those_that_are_kept() {
        let runs = runs(2, &[1, 2, 3, 7, 9, 10]);
        assert_eq!(summary(&runs), (6, 3, vec![(1, 4, 10), (7, 8, 70)]));
        assert_eq!(runs.first(1).count(), 1);
        assert_eq!(runs.first(0).count(), 0);
    }
}
