//! Who stands where.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Category, Entry, RecordStatus};

/// An entry with its rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranked<'a> {
    /// Its rank, from 1; equal figures share one, and the next is as much higher (1, 2, 2, 4).
    pub rank: usize,
    /// The entry.
    pub entry: &'a Entry,
}

/// What is odd about an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "flag", rename_all = "kebab-case")]
pub enum Flag {
    /// It was built, at first hand or further back, on a record that was revoked.
    BuiltOnRevoked {
        /// Id of the revoked record.
        record: String,
    },
    /// It was built on a record that is not here.
    UnknownParent {
        /// Id of that record.
        record: String,
    },
    /// A log of it stands in an earlier record too.
    SameLogs {
        /// Id of the earlier record.
        record: String,
    },
    /// It is an earlier record's source with that record's settings.
    SameRecipe {
        /// Id of the earlier record.
        record: String,
    },
    /// Its figure is better than that of the record that stood when it was verified, but it never ran beside that record.
    NotCompared {
        /// Id of that record.
        record: String,
    },
    /// It took the record from one whose figure, of another day, is no worse: the two ran beside each other, and there it
    /// was better.
    BetterBeside {
        /// Id of the record that it took it from.
        record: String,
    },
}

/// The ranks of a category: the best verified entry of each author, by the figure as it is shown, then by the mean of
/// the benchmarks that the category asks for. One that was not shown to be better than a record shares its rank at best; one
/// that was is before it, whatever their figures of different days say.
#[must_use]
pub fn rank<'a>(category: &Category, entries: &'a [Entry]) -> Vec<Ranked<'a>> {
    let course = Course::of(category, entries);
    let mut best: Vec<(Key, &Entry)> = Vec::new();
    for (key, entry) in course.in_order {
        if best.iter().all(|(_, other)| other.author != entry.author) {
            best.push((key, entry));
        }
    }
    let place = |key: &Key| 1 + best.iter().filter(|(other, _)| other < key).count();
    best.iter()
        .map(|(key, entry)| Ranked {
            rank: place(key),
            entry,
        })
        .collect()
}

/// The records of a category in order of time: each was verified and, when it came, shown to be better than the one that
/// stood.
#[must_use]
pub fn progression<'a>(category: &Category, entries: &'a [Entry]) -> Vec<&'a Entry> {
    Course::of(category, entries).records
}

/// The record of a category that stands.
#[must_use]
pub fn record<'a>(category: &Category, entries: &'a [Entry]) -> Option<&'a Entry> {
    progression(category, entries).pop()
}

/// Entries with better figures than the record that stood when they came, beside which they never ran, with that record's
/// id.
pub(crate) fn not_compared<'a>(category: &Category, entries: &'a [Entry]) -> Vec<(&'a str, &'a str)> {
    Course::of(category, entries).not_compared
}

/// Entries that took the record by runs beside it, though their figures are no better than its own of another day, with that
/// record's id.
pub(crate) fn better_beside<'a>(category: &Category, entries: &'a [Entry]) -> Vec<(&'a str, &'a str)> {
    Course::of(category, entries).better_beside
}

/// How a category's record went from entry to entry.
struct Course<'a> {
    records: Vec<&'a Entry>,
    not_compared: Vec<(&'a str, &'a str)>,
    better_beside: Vec<(&'a str, &'a str)>,
    /// Every verified entry with what it is ranked by, best first.
    in_order: Vec<(Key, &'a Entry)>,
}

impl<'a> Course<'a> {
    fn of(category: &Category, entries: &'a [Entry]) -> Self {
        let mut verified: Vec<_> = entries
            .iter()
            .filter(|entry| entry.category == category.id && entry.status == RecordStatus::Verified)
            .filter_map(|entry| Some((key(category, entry)?, entry)))
            .collect();
        let mut keys: BTreeMap<&str, Key> = verified
            .iter()
            .map(|(key, entry)| (entry.id.as_str(), *key))
            .collect();
        // In the order in which they were verified: a date of a submission is its author's word.
        verified.sort_by(|(ka, a), (kb, b)| {
            (a.verification, a.since(), ka, &a.id).cmp(&(b.verification, b.since(), kb, &b.id))
        });
        let mut records = Vec::<(Key, &Entry)>::new();
        let (mut not_compared, mut better_beside) = (Vec::new(), Vec::new());
        for (key, entry) in &mut verified {
            // Its mean may be lower all the same: by chance, or measured on another day. A record that does not count any
            // more holds nobody back.
            let short_of = entry.short_of.as_deref().and_then(|id| keys.get(id));
            let standing = records.last().copied();
            let beat = entry.beat.as_deref();
            // What it beat was better than this one when it stood, if it counts no more.
            let beat_one_gone = beat.is_some_and(|id| !keys.contains_key(id));
            match (short_of, standing) {
                (Some(record), _) => *key = *record.max(key),
                // Shown on one machine in one night: what the record took on another day, as with an older driver, says
                // nothing against it.
                (None, Some((record, standing))) if beat == Some(standing.id.as_str()) => {
                    if *key >= record {
                        better_beside.push((entry.id.as_str(), standing.id.as_str()));
                        *key = just_before(record);
                    }
                    records.push((*key, entry));
                }
                (None, Some((record, _))) if *key >= record => {}
                (None, Some((record, standing))) if !beat_one_gone => {
                    not_compared.push((entry.id.as_str(), standing.id.as_str()));
                    *key = record;
                }
                (None, _) => records.push((*key, entry)),
            }
            keys.insert(&entry.id, *key);
        }
        verified.sort_by(|(ka, a), (kb, b)| (ka, &a.date, &a.id).cmp(&(kb, &b.date, &b.id)));
        Self {
            records: records.into_iter().map(|(_, entry)| entry).collect(),
            not_compared,
            better_beside,
            in_order: verified,
        }
    }
}

/// What entries are compared by: the figure in units of its last shown decimal, then the benchmarks, better first.
type Key = (i128, i128);

/// The next better key.
fn just_before((figure, benchmarks): Key) -> Key {
    (figure, benchmarks.saturating_sub(1))
}

fn key(category: &Category, entry: &Entry) -> Option<Key> {
    let scale = 10_f64.powi(category.metric.decimals() as i32);
    let mean = entry.mean().filter(|mean| mean.is_finite())?;
    let results = &entry.standing().benchmarks;
    let asked = &category.benchmarks;
    // Thousandths of the mean; a higher result is better, and a missing one is worst: accuracies are not below 0.
    let sum: f64 = asked.iter().filter_map(|asked| results.get(&asked.name)).sum();
    let benchmarks = sum / asked.len().max(1) as f64;
    Some((
        (mean * scale).round() as i128,
        -(benchmarks * 1000.0).round() as i128,
    ))
}

/// What is odd about entries, by id. Entries without flags are left out.
#[must_use]
pub fn flags(entries: &[Entry]) -> BTreeMap<&str, Vec<Flag>> {
    let by_id: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.id.as_str(), entry)).collect();
    let mut flags = BTreeMap::new();
    let mut add = |id, flag| flags.entry(id).or_insert_with(Vec::new).push(flag);
    for entry in entries {
        if let Some(flag) = ancestry(entry, &by_id) {
            add(entry.id.as_str(), flag);
        }
    }
    for (id, earlier) in twice(entries, |entry| &entry.logs) {
        let record = earlier.to_owned();
        add(id, Flag::SameLogs { record });
    }
    for (id, earlier) in twice(entries, |entry| std::slice::from_ref(&entry.recipe)) {
        let record = earlier.to_owned();
        add(id, Flag::SameRecipe { record });
    }
    flags
}

/// Goes up the chain of parents to one that was revoked or is not here. Stops where the chain bites its tail.
fn ancestry(entry: &Entry, by_id: &BTreeMap<&str, &Entry>) -> Option<Flag> {
    let mut seen = BTreeSet::new();
    let mut parent = entry.parent.as_deref();
    while let Some(id) = parent.filter(|&id| seen.insert(id)) {
        let record = id.to_owned();
        match by_id.get(id) {
            None => return Some(Flag::UnknownParent { record }),
            Some(found) if found.status == RecordStatus::Revoked => {
                return Some(Flag::BuiltOnRevoked { record });
            }
            Some(found) => parent = found.parent.as_deref(),
        }
    }
    None
}

/// Entries with a digest that an earlier entry has too, with that entry's id, once each.
fn twice(entries: &[Entry], digests: impl Fn(&Entry) -> &[String]) -> Vec<(&str, &str)> {
    let mut in_time: Vec<_> = entries.iter().collect();
    in_time.sort_by_key(|entry| (entry.submission, &entry.date, &entry.id));
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for entry in in_time {
        for digest in digests(entry).iter().filter(|digest| !digest.is_empty()) {
            let owner = *first.entry(digest).or_insert(&entry.id);
            if owner != entry.id {
                twice.insert((entry.id.as_str(), owner));
            }
        }
    }
    twice.into_iter().collect()
}
