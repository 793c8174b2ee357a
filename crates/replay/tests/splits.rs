//! The splits against an oracle that was written apart: it looks at every way, bar by bar.

mod common;

use blueberry_replay::{Axis, Comparison, DEFAULT_BARS, Pace, Race, Settings, Splits};
use blueberry_runlog::EndStatus;
use common::{Chance, Eval, evaluated, learning, made_by};

/// What segments and deltas are counted in.
type Unit = fn(&Eval) -> f64;

const TOKENS: Unit = |eval| eval.0;
const SECONDS: Unit = |eval| eval.1;

/// Who made a run, by its place: every third names nobody.
fn user(run: usize) -> Option<&'static str> {
    [None, Some("ada"), Some("bob")][run % 3]
}

/// How a run ended, by its place; every fourth goes on.
fn end(run: usize) -> Option<EndStatus> {
    [
        None,
        Some(EndStatus::Completed),
        Some(EndStatus::Failed),
        Some(EndStatus::Diverged),
    ][run % 4]
}

/// The first evaluation under a bar: its index.
fn reaches(evals: &[Eval], bar: f64) -> Option<usize> {
    (0..evals.len()).find(|&index| evals[index].2 < bar)
}

/// The splits of a run as (node, seconds or tokens): the start is node 0, bar `i` is `i + 1`; of bars that fall
/// together, the last.
fn way(evals: &[Eval], unit: Unit) -> Vec<(usize, f64)> {
    let mut way = vec![(0, 0.0)];
    for (bar, loss) in DEFAULT_BARS.iter().enumerate() {
        let Some(here) = reaches(evals, *loss) else { break };
        let together = DEFAULT_BARS.get(bar + 1).and_then(|next| reaches(evals, *next)) == Some(here);
        if !together {
            way.push((bar + 1, unit(&evals[here])));
        }
    }
    way
}

/// The shortest segment between two nodes over all runs.
fn gold(runs: &[Vec<Eval>], unit: Unit, from: usize, to: usize) -> Option<f64> {
    let segments = runs.iter().flat_map(|evals| {
        let way = way(evals, unit);
        let pairs: Vec<_> = way.windows(2).map(|pair| (pair[0], pair[1])).collect();
        pairs
            .into_iter()
            .filter(|(a, b)| (a.0, b.0) == (from, to))
            .map(|(a, b)| b.1 - a.1)
    });
    segments.min_by(f64::total_cmp)
}

/// The shortest way between two nodes: every choice of nodes between them is tried.
fn shortest(golds: &[Vec<Option<f64>>], from: usize, to: usize) -> Option<f64> {
    soonest(golds, (from, 0.0), to, 0.0)
}

/// When a node is reached at the soonest by who was at another one at a time, and until `not_before` at no further one:
/// every choice of nodes between them is tried.
fn soonest(
    golds: &[Vec<Option<f64>>],
    (from, start): (usize, f64),
    to: usize,
    not_before: f64,
) -> Option<f64> {
    let between: Vec<usize> = (from + 1..to).collect();
    let lengths = (0..1u32 << between.len()).filter_map(|choice| {
        let chosen = between
            .iter()
            .enumerate()
            .filter(|(bit, _)| choice >> bit & 1 == 1)
            .map(|(_, node)| *node);
        let mut nodes = vec![from];
        nodes.extend(chosen);
        nodes.push(to);
        nodes.windows(2).try_fold(start, |time, pair| {
            Some((time + golds[pair[0]][pair[1]]?).max(not_before))
        })
    });
    lengths.min_by(f64::total_cmp)
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * (1.0 + a.abs()),
        (a, b) => a.is_none() && b.is_none(),
    }
}

fn runs(seed: u64, count: usize) -> Vec<Vec<Eval>> {
    let mut chance = Chance::new(seed);
    (0..count).map(|_| learning(&mut chance)).collect()
}

fn race(runs: &[Vec<Eval>], comparison: Comparison, axis: Axis) -> Race {
    let made = |(run, evals): (usize, &Vec<Eval>)| {
        let mut data = made_by(user(run), evaluated("run", evals));
        data.end = end(run);
        data
    };
    let runs = runs.iter().enumerate().map(made).collect();
    Race::new(
        runs,
        Settings {
            comparison,
            axis,
            ..Settings::default()
        },
    )
}

fn all_golds(runs: &[Vec<Eval>], unit: Unit) -> Vec<Vec<Option<f64>>> {
    let nodes = DEFAULT_BARS.len() + 1;
    (0..nodes)
        .map(|from| (0..nodes).map(|to| gold(runs, unit, from, to)).collect())
        .collect()
}

/// The other run of the same user that got under most bars, and under the last of them first.
fn personal_best(runs: &[Vec<Eval>], run: usize) -> Option<usize> {
    let best = |run: usize| {
        let count = DEFAULT_BARS
            .iter()
            .filter(|bar| reaches(&runs[run], **bar).is_some())
            .count();
        let last = reaches(&runs[run], DEFAULT_BARS[count.checked_sub(1)?])?;
        Some((-(count as i64), SECONDS(&runs[run][last])))
    };
    let mine = user(run)?;
    let rivals = (0..runs.len()).filter(|other| *other != run && user(*other) == Some(mine));
    rivals
        .filter(|other| best(*other).is_some())
        .min_by(|a, b| best(*a).partial_cmp(&best(*b)).expect("finite"))
}

/// Against which seconds or tokens a run is compared at each bar.
fn against(
    runs: &[Vec<Eval>],
    golds: &[Vec<Option<f64>>],
    run: usize,
    comparison: Comparison,
    unit: Unit,
) -> Vec<Option<f64>> {
    let of = |evals: &[Eval], bar| Some(unit(&evals[reaches(evals, bar)?]));
    let personal = personal_best(runs, run);
    DEFAULT_BARS
        .iter()
        .enumerate()
        .map(|(bar, loss)| match comparison {
            Comparison::Run(other) => of(&runs[other], *loss),
            Comparison::PersonalBest => of(&runs[personal?], *loss),
            Comparison::BestSegments => shortest(golds, 0, bar + 1),
        })
        .collect()
}

/// What the comparison has as its own splits, as (node, seconds).
fn rival(runs: &[Vec<Eval>], run: usize, comparison: Comparison) -> Option<Vec<(usize, f64)>> {
    match comparison {
        Comparison::Run(other) => Some(way(&runs[other], SECONDS)),
        Comparison::PersonalBest => Some(way(&runs[personal_best(runs, run)?], SECONDS)),
        Comparison::BestSegments => None,
    }
}

/// What each segment of the comparison is longer than the shortest one between its ends, by bar; nothing where best
/// segments are compared with.
fn saves(
    runs: &[Vec<Eval>],
    golds: &[Vec<Option<f64>>],
    run: usize,
    comparison: Comparison,
) -> Vec<Option<f64>> {
    let mut saves = vec![None; DEFAULT_BARS.len()];
    for pair in rival(runs, run, comparison).unwrap_or_default().windows(2) {
        let [(from, start), (to, end)] = [pair[0], pair[1]];
        saves[to - 1] = golds[from][to].map(|gold| end - start - gold);
    }
    if comparison == Comparison::BestSegments {
        for (bar, save) in saves.iter_mut().enumerate() {
            *save = shortest(golds, 0, bar + 1).map(|_| 0.0);
        }
    }
    saves
}

/// Ahead or behind where a tenth of a second shows it, and better or worse than at the split before.
fn pace(delta: f64, before: Option<f64>) -> Option<Pace> {
    let is_better = before.map(|before| delta < before);
    if delta >= 0.05 {
        let gains = is_better == Some(true);
        Some(if gains {
            Pace::BehindGaining
        } else {
            Pace::BehindLosing
        })
    } else if delta <= -0.05 {
        let loses = before.is_some_and(|before| delta > before);
        Some(if loses {
            Pace::AheadLosing
        } else {
            Pace::AheadGaining
        })
    } else {
        None
    }
}

fn check(runs: &[Vec<Eval>], comparison: Comparison, splits: &Splits, until_s: f64) {
    let (golds, token_golds) = (all_golds(runs, SECONDS), all_golds(runs, TOKENS));
    let last = DEFAULT_BARS.len();
    assert!(close(splits.sum_of_best_s, shortest(&golds, 0, last)));
    for (run, evals) in runs.iter().enumerate() {
        let found = &splits.runs[run];
        let other = against(runs, &golds, run, comparison, SECONDS);
        let other_tokens = against(runs, &token_golds, run, comparison, TOKENS);
        let seen: Vec<Eval> = evals.iter().copied().filter(|eval| eval.1 <= until_s).collect();
        let way = way(&seen, SECONDS);
        let mut before = None;
        for (bar, row) in found.rows.iter().enumerate() {
            let place = reaches(&seen, DEFAULT_BARS[bar]);
            let seconds = place.map(|index| seen[index].1);
            let tokens = place.map(|index| seen[index].0);
            assert_eq!(row.time_s, seconds);
            assert_eq!(row.tokens, tokens);
            let delta_tokens = tokens.zip(other_tokens[bar]).map(|(mine, other)| mine - other);
            assert!(
                close(row.delta_tokens, delta_tokens),
                "run {run} bar {bar}: {:?} {delta_tokens:?}",
                row.delta_tokens
            );
            let delta = seconds.zip(other[bar]).map(|(mine, other)| mine - other);
            assert!(
                close(row.delta_s, delta),
                "run {run} bar {bar}: {:?} {delta:?}",
                row.delta_s
            );
            let node = way.iter().position(|(node, _)| *node == bar + 1);
            let segment = node.map(|node| way[node].1 - way[node - 1].1);
            assert!(close(row.segment_s, segment));
            let is_gold = node.is_some_and(|node| segment <= golds[way[node - 1].0][bar + 1]);
            assert_eq!(row.is_gold, is_gold);
            assert_eq!(row.pace, delta.and_then(|delta| pace(delta, before)));
            before = delta.or(before);
        }
        let expected = saves(runs, &golds, run, comparison);
        for (row, save) in found.rows.iter().zip(&expected) {
            assert!(close(row.possible_save_s, *save), "run {run}: {row:?} {save:?}");
        }
        let all = expected.iter().flatten().copied().reduce(|sum, save| sum + save);
        assert!(close(found.possible_save_s, all), "run {run}");
        let (node, seconds) = way[way.len() - 1];
        let log_s = evals.last().map_or(0.0, |eval| eval.1);
        let has_ended = end(run).is_some() && !evals.is_empty() && until_s >= log_s;
        let best = match node == last {
            true => Some(seconds),
            false if has_ended => None,
            false => soonest(&golds, (node, seconds), last, until_s.min(log_s)),
        };
        assert!(
            close(found.best_possible_s, best),
            "run {run}: {:?} {best:?}",
            found.best_possible_s
        );
    }
}

#[test]
fn a_hundred_runs_equal_the_oracle() {
    let runs = runs(1, 100);
    let finished = runs.iter().filter(|evals| reaches(evals, 3.0).is_some()).count();
    assert!(
        (10..90).contains(&finished),
        "{finished} runs should finish, others not"
    );
    for comparison in [
        Comparison::BestSegments,
        Comparison::PersonalBest,
        Comparison::Run(17),
    ] {
        let race = race(&runs, comparison, Axis::TrainS);
        for at in [f64::INFINITY, 0.0, 200.0, 555.5] {
            check(&runs, comparison, &race.state(at).splits, at);
        }
    }
}

#[test]
fn small_races_equal_the_oracle() {
    for seed in 2..80 {
        let runs = runs(seed, 1 + seed as usize % 4);
        let race = race(&runs, Comparison::BestSegments, Axis::TrainS);
        check(
            &runs,
            Comparison::BestSegments,
            &race.state(f64::INFINITY).splits,
            f64::INFINITY,
        );
    }
}

#[test]
fn a_playhead_in_tokens_shows_the_splits_up_to_its_tokens() {
    let runs = runs(5, 8);
    let race = race(&runs, Comparison::BestSegments, Axis::Tokens);
    let splits = race.state(5e6).splits;
    for (evals, found) in runs.iter().zip(&splits.runs) {
        for (bar, row) in found.rows.iter().enumerate() {
            let expected = reaches(evals, DEFAULT_BARS[bar])
                .map(|index| evals[index].0)
                .filter(|at| *at <= 5e6);
            assert_eq!(row.tokens, expected);
        }
        assert_eq!(found.live_delta_s, None, "tokens do not say how late it is");
    }
}

#[test]
fn who_names_nobody_has_no_personal_best() {
    let runs = by_hand();
    let race = |users: [Option<&str>; 2]| {
        let made = runs.iter().zip(users);
        let made = made.map(|(evals, user)| made_by(user, evaluated("run", evals)));
        let settings = Settings {
            comparison: Comparison::PersonalBest,
            ..Settings::default()
        };
        Race::new(made.collect(), settings)
    };
    let bests = |race: &Race| [0, 1].map(|run| race.splits().personal_best(run));
    assert_eq!(bests(&race([Some("ada"), Some("ada")])), [Some(1), Some(0)]);
    for strangers in [[None, None], [Some("ada"), None], [Some("ada"), Some("bob")]] {
        let race = race(strangers);
        assert_eq!(bests(&race), [None, None], "{strangers:?}");
        let splits = race.state(f64::INFINITY).splits;
        let mut rows = splits.runs.iter().flat_map(|run| &run.rows);
        let is_bare = rows.all(|row| row.delta_s.is_none() && row.delta_tokens.is_none());
        assert!(is_bare, "{strangers:?}");
    }
}

/// Two runs whose splits can be done on paper.
fn by_hand() -> Vec<Vec<Eval>> {
    let fast_start = vec![(1.0, 10.0, 5.99), (2.0, 20.0, 4.99), (3.0, 40.0, 4.49)];
    let fast_end = vec![(1.0, 15.0, 5.9), (2.0, 27.0, 4.9), (3.0, 35.0, 4.4)];
    vec![fast_start, fast_end]
}

#[test]
fn a_skipped_bar_is_a_part_of_the_segment_over_it() {
    let skips = vec![(1.0, 30.0, 5.5), (2.0, 90.0, 4.4)];
    let quick = vec![(1.0, 10.0, 5.5), (2.0, 50.0, 4.4)];
    let race = race(&[skips, quick.clone(), quick], Comparison::Run(0), Axis::TrainS);
    let splits = &race.state(0.0).splits.runs[1];
    let saves: Vec<_> = splits.rows.iter().map(|row| row.possible_save_s).collect();
    // 20 s of the first segment, and 20 s of the one over the bar at 5.
    assert_eq!(saves, [Some(20.0), None, Some(20.0), None, None, None]);
    assert_eq!(splits.possible_save_s, Some(40.0));
}

#[test]
fn the_best_possible_time_gets_worse_with_the_time_that_passes() {
    let whole = |times: [f64; 2]| vec![(1.0, times[0], 3.5 - 0.01), (2.0, times[1], 2.9)];
    // The second goes on to 100 s without getting under 3.0.
    let fails = vec![(1.0, 10.0, 3.49), (2.0, 100.0, 3.4)];
    let best = |ends: Option<EndStatus>, at: f64| {
        let mut race =
            [whole([20.0, 50.0]), fails.clone()].map(|evals| made_by(None, evaluated("run", &evals)));
        race[1].end = ends;
        let settings = Settings {
            axis: Axis::TrainS,
            ..Settings::default()
        };
        Race::new(race.into(), settings).state(at).splits.runs[1].best_possible_s
    };
    // At 10 s, then the best segment of 30 s.
    assert_eq!(best(None, 5.0), Some(40.0));
    assert_eq!(best(None, 12.0), Some(40.0));
    assert_eq!(best(None, 70.0), Some(70.0));
    assert_eq!(
        best(None, 900.0),
        Some(100.0),
        "of what is behind the log nothing is known"
    );
    assert_eq!(
        best(Some(EndStatus::Interrupted), 900.0),
        Some(100.0),
        "it may be resumed"
    );
    assert_eq!(best(Some(EndStatus::Failed), 99.0), Some(99.0));
    assert_eq!(best(Some(EndStatus::Failed), 100.0), None);
}

#[test]
fn a_tie_is_neither_ahead_nor_behind() {
    let same = vec![(1.0, 10.0, 5.9), (2.0, 20.0, 4.9), (3.0, 30.0, 4.4)];
    let near = vec![(1.0, 10.04, 5.9), (2.0, 20.06, 4.9), (3.0, 29.9, 4.4)];
    let race = race(&[same.clone(), same, near], Comparison::Run(0), Axis::TrainS);
    let splits = race.state(100.0).splits;
    let paces = |run: usize| -> Vec<_> { splits.runs[run].rows[..3].iter().map(|row| row.pace).collect() };
    assert_eq!(paces(1), [None; 3]);
    assert_eq!(
        paces(2),
        [None, Some(Pace::BehindLosing), Some(Pace::AheadGaining)]
    );
}

#[test]
fn splits_on_paper() {
    let race = race(&by_hand(), Comparison::Run(0), Axis::TrainS);
    let splits = race.state(100.0).splits;
    let rows = &splits.runs[1].rows;
    let deltas: Vec<_> = rows.iter().map(|row| row.delta_s).collect();
    assert_eq!(deltas, [Some(5.0), Some(7.0), Some(-5.0), None, None, None]);
    let paces: Vec<_> = rows.iter().filter_map(|row| row.pace).collect();
    assert_eq!(
        paces,
        [Pace::BehindLosing, Pace::BehindLosing, Pace::AheadGaining]
    );
    let golds: Vec<_> = splits
        .runs
        .iter()
        .map(|run| run.rows.iter().filter(|row| row.is_gold).count())
        .collect();
    assert_eq!(golds, [2, 1]); // 10 and 10 of the first, 8 of the second
    let saves: Vec<_> = rows.iter().map(|row| row.possible_save_s).collect();
    assert_eq!(saves[..3], [Some(0.0), Some(0.0), Some(12.0)]);
    assert_eq!(splits.runs[1].possible_save_s, Some(12.0));
}

#[test]
fn the_next_split_is_late_before_it_is_there() {
    let race = race(&by_hand(), Comparison::Run(0), Axis::TrainS);
    let live = |at: f64| race.state(at).splits.runs[1].live_delta_s;
    assert_eq!(live(9.0), None);
    assert_eq!(live(12.0), Some(2.0));
    assert_eq!(live(16.0), None, "the split is there");
    assert_eq!(live(26.0), Some(6.0), "worse than the 5 s so far");
}
