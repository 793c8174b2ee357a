//! What is found out about a record before anything of it is run.

use std::path::Path;

use blueberry_rules::{Categories, Category, Finding, LeakScan, LoggedRun};
use blueberry_runlog::DataDigests;

use super::error::VerifyError;
use super::witness::other_data;
use crate::Limits;
use crate::judge::judge_record;
use crate::open::open_record;

/// The rules that a record breaks before anything of it is run; `records` is the folder of all records.
///
/// # Errors
/// It cannot be read.
pub fn broken_rules(
    path: &Path,
    category: &Category,
    categories: &Categories,
    records: &Path,
    leak_scan: Option<&LeakScan>,
) -> Result<Vec<Finding>, VerifyError> {
    let opened = open_record(path, &Limits::default())?;
    let verdict = judge_record(&opened, category, categories, Some(records), leak_scan);
    Ok(verdict.failures().cloned().collect())
}

/// Refuses to run a record without data (`--data`) where its category asks for certain data: nothing would show that the runs
/// were on it.
///
/// # Errors
/// [`VerifyError::NoData`].
pub fn refuse_no_data(category: &Category, given: bool) -> Result<(), VerifyError> {
    if given || !category.asks_for_data() {
        return Ok(());
    }
    Err(VerifyError::NoData(category.id.clone()))
}

/// Refuses to run a record on other data than its logs name: whatever came of it would say nothing of the record.
///
/// # Errors
/// [`VerifyError::OtherData`], or it cannot be read.
pub fn refuse_other_data(path: &Path, given: &DataDigests) -> Result<(), VerifyError> {
    let opened = open_record(path, &Limits::default())?;
    let differ = |run: &LoggedRun| other_data(given, &run.log.run.data);
    match opened.runs.iter().find_map(differ) {
        Some(why) => Err(VerifyError::OtherData(why)),
        None => Ok(()),
    }
}
