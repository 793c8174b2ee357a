//! Asking the model that the challenger's last run has saved.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blueberry_rules::{Asked, Probe};

use super::error::{VerifyError, at};
use super::execute::{Execution, Progress, WRITTEN, bounds};
use super::handover;
use super::plan::{Turn, random};
use super::process;
use super::questions::Questions;
use super::sandbox::Job;
use super::state::{Probed, State};
use crate::folder::read_text;

const SILENT: &str = "the challenger's program was asked to probe its model, and did not say what it found";
const NO_LOGITS: &str = "the challenger's program was asked for logits of its model at drawn places of the validation set, and did not give them";
const NO_QUESTIONS: &str = "places of the validation set at which the challenger's model could be asked for logits: its settings say no vocabulary and length that go with the set";

/// The longest answer of a probe that is read.
const PROBE_BYTES: u64 = 1 << 20;
/// The file in which a program leaves logits.
const LOGITS: &str = "logits.bin";

impl Execution<'_> {
    /// Probes the last model of the challenger, which can change nothing of its run any more, once: what it found is in the
    /// state. With `validation`, its program is asked for logits, too.
    pub(super) fn probe(
        &mut self,
        state: &mut State,
        validation: Option<&[u16]>,
    ) -> Result<Probed, VerifyError> {
        if let Some(probed) = &state.probed {
            return Ok(probed.clone());
        }
        let probed = self.probe_now(validation)?;
        state.probed = Some(probed.clone());
        self.work.save(state)?;
        Ok(probed)
    }

    fn probe_now(&mut self, validation: Option<&[u16]>) -> Result<Probed, VerifyError> {
        let (Some(words), Some(turn)) = (&self.plan.conditions.probe, self.plan.probed()) else {
            return Ok(Probed::default());
        };
        let dir = self.work.run(self.plan, turn);
        let output = dir.join("probe.txt");
        let job = self.question(turn, &dir, words);
        self.let_answer(&job, &output)?;
        let text = read_text(&output, PROBE_BYTES).unwrap_or_default();
        // Drivers print what they like before it.
        let mut lines = text.lines().rev();
        let said = lines.find_map(|line| serde_json::from_str::<Probe>(line).ok());
        let missing = |what: &str| Some(what.to_owned());
        let Some(said) = said else {
            return Ok(Probed {
                probe: None,
                missing: missing(SILENT),
            });
        };
        let (asked, missing) = match validation.map(|tokens| self.ask(tokens, turn)).transpose()? {
            Some(Ok(asked)) => (Some(asked), None),
            Some(Err(what)) => (None, missing(what)),
            None => (None, None),
        };
        // What it says itself of having been asked is nothing.
        let probe = Some(Probe { asked, ..said });
        Ok(Probed { probe, missing })
    }

    /// Asks the program of a turn for logits of its model, by two processes that cannot know of each other. The inner error
    /// is what is missing.
    fn ask(&mut self, validation: &[u16], turn: Turn) -> Result<Result<Asked, &'static str>, VerifyError> {
        let recipe = self.plan.side(turn.role).map(|side| side.recipe.as_str());
        let shape = recipe.and_then(shape);
        let draw = |(vocab, seq_len)| Questions::draw(validation, vocab, seq_len, random);
        let (Some(words), Some(questions)) = (&self.plan.conditions.ask, shape.and_then(draw)) else {
            return Ok(Err(NO_QUESTIONS));
        };
        let dir = self.work.run(self.plan, turn);
        let mut answers = Vec::new();
        for (number, (text, bytes)) in questions.texts().iter().zip(questions.answer_bytes()).enumerate() {
            let rows = dir.join(format!("asked-{number}.json"));
            handover::create(&rows)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|cause| at("write", &rows, cause))?;
            let answer = new_folder(&dir)?;
            let mut job = self.question(turn, &dir, words);
            let given = [("{rows}", &rows), ("{logits}", &answer.join(LOGITS))];
            for word in &mut job.command {
                if let Some((_, path)) = given.iter().find(|(name, _)| word == name) {
                    *word = path.as_os_str().to_owned();
                }
            }
            job.read_only.push(rows);
            job.writable.push(answer.clone());
            self.let_answer(&job, &dir.join(format!("asked-{number}.txt")))?;
            answers.push(handover::read(&answer, &[LOGITS], bytes).unwrap_or_default());
            // A stranger can make folders that cannot be removed; they are in nobody's way.
            let _ = fs::remove_dir_all(&answer);
        }
        Ok(questions.hear([&answers[0], &answers[1]]).ok_or(NO_LOGITS))
    }

    /// The program of a turn with these arguments: it sees what its run wrote, and not the data, in which it could look
    /// answers up.
    fn question(&self, turn: Turn, dir: &Path, arguments: &[String]) -> Job {
        let mut job = self.job(turn, dir, arguments);
        let data = self.plan.conditions.data.as_ref();
        job.read_only.retain(|path| Some(path) != data);
        job.read_only.push(dir.join(WRITTEN));
        job
    }

    /// How the program ends does not matter: what it leaves does.
    fn let_answer(&mut self, job: &Job, output: &Path) -> Result<(), VerifyError> {
        let mut command = self.plan.conditions.sandbox.command(job);
        let mut tick = |elapsed| {
            (self.progress)(Progress::Probing {
                seconds: Duration::as_secs_f64(&elapsed),
            })
        };
        let bounds = bounds(job, self.plan.conditions.run_limit_s);
        process::run(&mut command, &bounds, output, &mut tick)?;
        Ok(())
    }
}

/// A folder in a run's that was not there before, for its program's logits.
fn new_folder(run: &Path) -> Result<PathBuf, VerifyError> {
    let mut number = 0_u64;
    loop {
        let path = run.join(format!("answer-{number}"));
        match fs::create_dir(&path) {
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(cause) => return Err(at("create", &path, cause)),
            Ok(()) => return Ok(path),
        }
    }
}

/// The vocabulary and the length of rows by a recipe.
fn shape(recipe: &str) -> Option<(usize, usize)> {
    let recipe: toml::Table = recipe.parse().ok()?;
    let number = |table: &str, key: &str| usize::try_from(recipe.get(table)?.get(key)?.as_integer()?).ok();
    Some((number("model", "vocab_size")?, number("train", "seq_len")?))
}
