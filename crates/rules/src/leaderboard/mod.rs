//! The leaderboard as text: the same records give the same bytes.

mod json;
mod markdown;
mod reference;
mod text;

pub use json::{PublishedHead, leaderboard_json, published_head};
pub use markdown::{leaderboard_markdown, page_head};
pub use text::grouped;

use crate::ranking::{Flag, Ranked, better_beside, flags, not_compared, progression, rank};
use crate::{Categories, Category, Entry, Ledger, RecordStatus};
use reference::Reference;

/// One category's part of the leaderboard.
struct Part<'a> {
    category: &'a Category,
    reference: Option<&'static Reference>,
    ranked: Vec<Ranked<'a>>,
    /// Entries that wait for a verifier, the newest first.
    pending: Vec<&'a Entry>,
    /// Records in order of time.
    progression: Vec<&'a Entry>,
    /// Entries that do not stand in the table: beaten by their own author, rejected or revoked; the newest first.
    history: Vec<&'a Entry>,
}

/// What the leaderboard is made from.
#[derive(Debug, Clone, Copy)]
pub struct Leaderboard<'a> {
    /// The categories.
    pub categories: &'a Categories,
    /// Every record, in any order.
    pub entries: &'a [Entry],
    /// What happened to them.
    pub ledger: &'a Ledger,
}

impl<'a> Leaderboard<'a> {
    fn parts(&self) -> Vec<Part<'a>> {
        self.categories
            .list
            .iter()
            .map(|category| self.part(category))
            .collect()
    }

    fn part(&self, category: &'a Category) -> Part<'a> {
        let ranked = rank(category, self.entries);
        let mut rest: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.category == category.id)
            .collect();
        rest.retain(|entry| ranked.iter().all(|ranked| ranked.entry.id != entry.id));
        rest.sort_by(|a, b| (&b.date, &b.id).cmp(&(&a.date, &a.id)));
        let (pending, history) = rest
            .into_iter()
            .partition(|entry| entry.status == RecordStatus::Pending);
        Part {
            category,
            reference: reference::of(&category.id),
            ranked,
            pending,
            progression: progression(category, self.entries),
            history,
        }
    }

    fn flags(&self) -> std::collections::BTreeMap<&'a str, Vec<Flag>> {
        let mut flags = flags(self.entries);
        for category in &self.categories.list {
            for (id, record) in not_compared(category, self.entries) {
                let record = record.to_owned();
                flags.entry(id).or_default().push(Flag::NotCompared { record });
            }
            for (id, record) in better_beside(category, self.entries) {
                let record = record.to_owned();
                flags.entry(id).or_default().push(Flag::BetterBeside { record });
            }
        }
        flags
    }
}
