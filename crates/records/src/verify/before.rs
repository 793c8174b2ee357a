//! What is found out about a record before anything of it is run.

use std::path::Path;

use blueberry_rules::{Categories, Category, Finding, LeakScan};

use super::error::VerifyError;
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
