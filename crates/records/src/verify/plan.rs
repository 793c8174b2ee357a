//! What a verification will do, fixed before its first run.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;

use blueberry_rules::{Attempts, Category, sha256};
use serde::{Deserialize, Serialize};

use super::error::{VerifyError, at};
use super::sandbox::Sandbox;
use super::subject::Subject;

/// Fewest pairs of runs: with two or less a t-test says nothing, and drift cancels over an even number.
const LEAST_PAIRS: usize = 4;

/// The longest that a run may keep off its log's clock, beside the warm-up, unless a verifier says otherwise: opening the data,
/// checking the device, saving the model.
pub(super) const UNCLOCKED_LIMIT_S: u64 = 300;
/// The longest warm-up likewise: compiling kernels.
pub(super) const WARM_UP_LIMIT_S: u64 = 300;

/// What a verification will do. Written down before the first run, so that nobody chooses seeds or runs by their
/// outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Id of the category.
    pub category: String,
    /// What is verified.
    pub challenger: Side,
    /// The record that it has to beat, where there is one.
    pub record: Option<Side>,
    /// Seeds of the runs, each for both sides.
    pub seeds: Vec<u64>,
    /// Whether they were drawn for it.
    #[serde(default)]
    pub seeds_drawn: bool,
    /// Names of the folders of challenger and record, drawn for it: a program that reads its paths does not learn whose
    /// run it is, as one would that is to lose as the record.
    pub places: [String; 2],
    /// How they run.
    pub conditions: Conditions,
}

/// A record that takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Id of the record.
    pub id: String,
    /// Commit of its source.
    pub commit: String,
    /// Digest of the patch on top, where there is one.
    pub patch_sha256: Option<String>,
    /// Digest of its `record.toml`, which names every file of it.
    pub record_sha256: String,
    /// Digest of its source tree.
    pub source_sha256: String,
    /// Digest of the recipe that its runs have in their logs.
    pub config_sha256: String,
    /// What `--preset` is given.
    pub recipe: String,
}

/// Whose run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What is verified: A.
    Challenger,
    /// What it has to beat: B.
    Record,
}

impl Role {
    /// As it stands in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Challenger => "challenger",
            Self::Record => "record",
        }
    }
}

/// A run of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Its number, from 0.
    pub number: usize,
    /// Whose.
    pub role: Role,
    /// With which seed.
    pub seed: u64,
}

/// How the runs of a plan run, all of them alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The prepared data; the built-in corpus where there is none.
    pub data: Option<PathBuf>,
    /// The device, as `blueberry train --device` names it.
    pub device: String,
    /// Arguments of the program for one run, in which the words `{recipe}`, `{seed}`, `{out}`, `{data}`,
    /// `{device}` and `{attempts}` stand for their values.
    pub arguments: Vec<String>,
    /// How the code is kept in.
    pub sandbox: Sandbox,
    /// Device files that it may use.
    pub devices: Vec<PathBuf>,
    /// Arguments of the program that probes the last run of the challenger, where that is wanted; the same words stand
    /// for the same values.
    pub probe: Option<Vec<String>>,
    /// Arguments of the program that gives logits of that run's model; `{rows}` stands for the file of rows and places that
    /// are asked for, `{logits}` for the file that it writes.
    #[serde(default)]
    pub ask: Option<Vec<String>>,
    /// A program that is run in place of one that is built from the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<GivenProgram>,
    /// The longest that fetching and building may take, in seconds.
    pub build_limit_s: u64,
    /// The longest that a run may take, in seconds.
    pub run_limit_s: u64,
    /// The longest that a run may keep off its log's clock, beside the warm-up, in seconds.
    pub unclocked_limit_s: u64,
    /// The longest warm-up, in seconds.
    pub warm_up_limit_s: u64,
}

/// A program that was not built for the verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenProgram {
    /// Its file.
    pub path: PathBuf,
    /// Its digest when the plan was made.
    pub sha256: String,
}

impl Conditions {
    /// `blueberry train` on the built-in corpus and the best device, with the GPUs of this machine.
    #[must_use]
    pub fn new(sandbox: Sandbox) -> Self {
        Self {
            data: None,
            device: "auto".to_owned(),
            arguments: words(
                "train --preset {recipe} --seed {seed} --out {out} --device {device} --attempts {attempts}",
            ),
            sandbox,
            devices: super::sandbox::gpus(),
            probe: None,
            ask: None,
            program: None,
            build_limit_s: 2 * 3600,
            // Three times the longest limit of a category.
            run_limit_s: 12 * 3600,
            unclocked_limit_s: UNCLOCKED_LIMIT_S,
            warm_up_limit_s: WARM_UP_LIMIT_S,
        }
    }

    /// On this prepared data.
    #[must_use]
    pub fn with_data(mut self, data: PathBuf) -> Self {
        self.data = Some(data);
        self.arguments.extend(words("--data {data}"));
        self
    }

    /// Probes the last model of the challenger as well: by `blueberry probe`, which says of it what it likes, and by
    /// `blueberry logits`, whose answers the verifier judges.
    #[must_use]
    pub fn with_probe(self) -> Self {
        let probe = Some(words("probe {out} --json --device {device}"));
        let ask = Some(words(
            "logits {out} --rows {rows} --to {logits} --device {device}",
        ));
        Self { probe, ask, ..self }
    }

    /// Runs the program in this file in place of one that is built: to rehearse a verification. Its outcome is at
    /// best undecided, since nothing shows that the program is its source's.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn with_program(self, path: PathBuf) -> Result<Self, VerifyError> {
        let bytes = std::fs::read(&path).map_err(|cause| at("read", &path, cause))?;
        let sha256 = sha256(&bytes);
        let program = Some(GivenProgram { path, sha256 });
        Ok(Self { program, ..self })
    }

    /// The first field in which two differ, but for what a machine changes by itself: a device file appears when the driver
    /// is first used, and bubblewrap is updated.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let same = [
            ("data", self.data == other.data),
            ("device", self.device == other.device),
            ("arguments", self.arguments == other.arguments),
            ("sandbox", self.sandbox.is_one() == other.sandbox.is_one()),
            ("probe", self.probe == other.probe && self.ask == other.ask),
            ("program", self.program == other.program),
            (
                "a limit of time off the clock",
                self.unclocked_limit_s == other.unclocked_limit_s
                    && self.warm_up_limit_s == other.warm_up_limit_s,
            ),
        ];
        first_different(same)
    }
}

/// What the verifier chooses.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seeds to run; drawn afresh where there are none, so that no author knows them beforehand.
    pub seeds: Vec<u64>,
    /// How many are drawn; by default what the category asks, at least four against a record.
    pub runs: Option<usize>,
    /// How they run.
    pub conditions: Conditions,
}

fn first_different<const N: usize>(fields: [(&'static str, bool); N]) -> Option<&'static str> {
    fields
        .into_iter()
        .find_map(|(field, same)| (!same).then_some(field))
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

impl Plan {
    /// The plan for `challenger`, against `record` where there is one.
    ///
    /// # Errors
    /// The two are of different categories; seeds are too few, odd in number against a record, or come twice.
    pub fn new(
        category: &Category,
        challenger: &Subject,
        record: Option<&Subject>,
        options: &Options,
    ) -> Result<Self, VerifyError> {
        for subject in [Some(challenger), record].into_iter().flatten() {
            check_category(category, subject)?;
        }
        let seeds = seeds(category, record.is_some(), options)?;
        let plan = Self {
            category: category.id.clone(),
            challenger: challenger.side.clone(),
            record: record.map(|record| record.side.clone()),
            seeds,
            seeds_drawn: options.seeds.is_empty(),
            places: [random(), random()].map(|name| format!("{name:016x}")),
            conditions: options.conditions.clone(),
        };
        for role in [Role::Challenger, Role::Record] {
            plan.attempts(role)?;
        }
        Ok(plan)
    }

    /// The text of the attempts file that declares the seeds for the recipe of a side; empty where that has no part.
    ///
    /// # Errors
    /// A seed beyond the integers of TOML.
    pub fn attempts(&self, role: Role) -> Result<String, VerifyError> {
        let Some(side) = self.side(role) else {
            return Ok(String::new());
        };
        let attempts = Attempts {
            category: self.category.clone(),
            config_sha256: side.config_sha256.clone(),
            seeds: self.seeds.clone(),
            public_key: None,
            // Both sides read it, and neither learns which it is.
            note: "verification".to_owned(),
        };
        Ok(attempts.to_text()?)
    }

    /// The runs in their order: A B B A A B B A against a record, so that each side begins as many pairs as the other
    /// and a steady drift of the machine cancels; A A A alone.
    #[must_use]
    pub fn turns(&self) -> Vec<Turn> {
        use Role::{Challenger, Record};
        let roles: [&[Role]; 2] = match self.record {
            Some(_) => [&[Challenger, Record], &[Record, Challenger]],
            None => [&[Challenger], &[Challenger]],
        };
        let pairs = self.seeds.iter().zip(roles.iter().cycle());
        let runs = pairs.flat_map(|(&seed, roles)| roles.iter().map(move |&role| (role, seed)));
        runs.enumerate()
            .map(|(number, (role, seed))| Turn { number, role, seed })
            .collect()
    }

    /// The run whose model is probed: the challenger's last.
    #[must_use]
    pub fn probed(&self) -> Option<Turn> {
        let of_challenger = |turn: &Turn| turn.role == Role::Challenger;
        self.turns().into_iter().rfind(of_challenger)
    }

    /// The side of a role, where it takes part.
    #[must_use]
    pub fn side(&self, role: Role) -> Option<&Side> {
        match role {
            Role::Challenger => Some(&self.challenger),
            Role::Record => self.record.as_ref(),
        }
    }

    /// The name of a side's folder.
    #[must_use]
    pub fn place(&self, role: Role) -> &str {
        match role {
            Role::Challenger => &self.places[0],
            Role::Record => &self.places[1],
        }
    }

    /// The first field in which two plans differ, but for seeds and names that were drawn.
    pub(super) fn difference(&self, other: &Self, seeds_count: bool) -> Option<&'static str> {
        let same = [
            ("category", self.category == other.category),
            ("challenger", self.challenger == other.challenger),
            ("record", self.record == other.record),
            ("number of seeds", self.seeds.len() == other.seeds.len()),
            ("seeds", !seeds_count || self.seeds == other.seeds),
        ];
        first_different(same).or_else(|| self.conditions.difference(&other.conditions))
    }
}

fn check_category(category: &Category, subject: &Subject) -> Result<(), VerifyError> {
    if subject.category == category.id {
        return Ok(());
    }
    Err(VerifyError::Category {
        challenger: subject.side.id.clone(),
        found: subject.category.clone(),
        expected: category.id.clone(),
    })
}

fn seeds(category: &Category, paired: bool, options: &Options) -> Result<Vec<u64>, VerifyError> {
    let least = if paired {
        category.seeds.max(LEAST_PAIRS).next_multiple_of(2)
    } else {
        category.seeds.max(1)
    };
    let seeds = if options.seeds.is_empty() {
        draw(options.runs.unwrap_or(least))
    } else {
        options.seeds.clone()
    };
    let found = seeds.len();
    let problem = |problem| Err(VerifyError::Seeds { found, problem });
    if found < category.seeds.max(1) {
        return problem("the category asks for more runs; raise --runs");
    }
    if paired && found % 2 == 1 {
        return problem("against a record the runs alternate A B B A: give an even number");
    }
    if (1..found).any(|at| seeds[..at].contains(&seeds[at])) {
        return problem("one comes twice; each run needs its own");
    }
    Ok(seeds)
}

/// 64 bits that nobody could know. The standard library's hash maps draw their keys from the system.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Different seeds of 32 bits that nobody could know.
fn draw(count: usize) -> Vec<u64> {
    let mut seeds = Vec::new();
    while seeds.len() < count {
        let seed = random() >> 32;
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_seeds_are_different_each_time() {
        let (first, second) = (draw(8), draw(8));
        assert_ne!(first, second);
        assert!(first.iter().all(|&seed| seed < 1 << 32));
    }
}
