//! An own log, read piece by piece while the run writes it.

use std::num::NonZeroUsize;

use blueberry_steps::{COLUMNS, Part, Piece, StepLine};
use serde_json::Value;

use super::problem::Problems;
use super::step_columns::StepColumns;
use super::{
    Axis, Evaluation, Format, ImportError, Imported, Mark, MarkKind, Metric, Position, Problem, Reason,
    RunData, Table, TextSample, lines,
};
use crate::{At, Event, Limits, Run, Step};

const STEPS: usize = 0;
const EVALS: usize = 1;

/// Reads an own log as it grows. A line counts when it is whole.
#[derive(Debug, Clone)]
pub struct Follow {
    run: RunData,
    limits: Limits,
    problems: Problems,
    /// The begin of a line whose end has not come.
    partial: Vec<u8>,
    /// Whole lines so far.
    lines: u64,
    /// Their bytes.
    whole_bytes: u64,
}

impl Follow {
    /// Begins a log; `name` is used until its first line is there.
    #[must_use]
    pub fn new(name: &str, limits: &Limits) -> Self {
        let mut run = RunData::new(name, Format::RunLog);
        run.tables = vec![Table::new(&Axis::ALL, &[]), Table::new(&Axis::ALL, &[])];
        Self {
            run,
            limits: *limits,
            problems: Problems::default(),
            partial: Vec::new(),
            lines: 0,
            whole_bytes: 0,
        }
    }

    /// Takes the next bytes of the log.
    ///
    /// # Errors
    /// [`ImportError::Line`] for a first line that is none, [`ImportError::Limit`]. What is wrong in a later line
    /// is a [`Problem`].
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), ImportError> {
        while !bytes.is_empty() {
            let taken = match self.whole_step(bytes) {
                Some((step, length)) => {
                    self.line(length, |follow| follow.step(&step))?;
                    length
                }
                None => self.up_to_newline(bytes)?,
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Makes room for a log of so many bytes, by the rows of what has come: a hint that changes nothing but the speed.
    pub fn expect(&mut self, bytes: u64) {
        let (steps, most) = (&mut self.run.tables[STEPS], self.limits.lines);
        let rows = steps.rows() as f64 * bytes as f64 / self.whole_bytes.max(1) as f64;
        // A little more, so that a last line does not double all of it.
        steps.reserve((rows * 1.02).min(most as f64) as usize);
    }

    /// Takes the next part of the log, read already: as [`push`](Self::push) of its bytes, but that a limit is noticed
    /// at the end of a piece.
    ///
    /// # Errors
    /// As [`push`](Self::push); [`ImportError::Unknown`] where the part's numbers are not those of its pieces.
    pub fn push_part(&mut self, part: &Part) -> Result<(), ImportError> {
        let (mut columns, mut text) = (&part.columns[..], &part.text[..]);
        let damaged = || ImportError::Unknown {
            why: "a part of it was damaged on its way",
        };
        for &piece in &part.pieces {
            match piece {
                Piece::Text { bytes } => {
                    let (piece, rest) = text.split_at_checked(bytes as usize).ok_or_else(damaged)?;
                    self.push(piece)?;
                    text = rest;
                }
                Piece::Steps {
                    rows,
                    bytes,
                    longest,
                    has_mfu,
                    has_memory,
                } => {
                    let count = COLUMNS + usize::from(has_mfu) + usize::from(has_memory);
                    let rows = NonZeroUsize::new(rows as usize).ok_or_else(damaged)?.get();
                    let numbers = rows.checked_mul(count).ok_or_else(damaged)?;
                    let (piece, rest) = columns.split_at_checked(numbers).ok_or_else(damaged)?;
                    let steps = StepColumns::new(piece, rows, has_mfu);
                    self.steps(&steps, longest as usize, u64::from(bytes))?;
                    columns = rest;
                }
            }
        }
        Ok(())
    }

    /// The run so far.
    #[must_use]
    pub fn run(&self) -> &RunData {
        &self.run
    }

    /// What could not be read so far.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.list()
    }

    /// Bytes of the whole lines: read on from here after [`forget_partial`](Self::forget_partial).
    #[must_use]
    pub fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// Whole lines so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Drops the begin of a line whose end has not come: a resumed run cuts it off the file.
    pub fn forget_partial(&mut self) {
        self.partial.clear();
    }

    /// Ends the log.
    ///
    /// # Errors
    /// [`ImportError::Empty`] where not even the first line was whole.
    pub fn finish(mut self) -> Result<Imported, ImportError> {
        let format = Format::RunLog;
        if self.lines == 0 {
            let why = "there is no whole first line".to_owned();
            return Err(ImportError::Empty { format, why });
        }
        if !self.partial.is_empty() {
            let bytes = self.partial.len() as u64;
            self.problems.add(self.lines + 1, Reason::CutShort { bytes });
        }
        self.run.tables.iter_mut().for_each(Table::shrink);
        let problems = self.problems.list();
        Ok(Imported {
            format,
            runs: vec![self.run],
            problems,
        })
    }

    /// A whole plain step at the begin of `bytes`, and its length.
    fn whole_step(&self, bytes: &[u8]) -> Option<(StepLine, usize)> {
        if self.lines == 0 || !self.partial.is_empty() {
            return None;
        }
        blueberry_steps::parse(bytes)
    }

    /// Takes what is left of the current line, or all of `bytes` where the line goes on; says how many that is.
    fn up_to_newline(&mut self, bytes: &[u8]) -> Result<usize, ImportError> {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        self.check(self.partial.len() + taken)?;
        self.partial.extend_from_slice(&bytes[..taken]);
        if end.is_some() {
            let line = std::mem::take(&mut self.partial);
            if self.lines == 0 {
                self.first(&line)?;
            }
            let is_first = self.lines == 0;
            self.line(
                line.len(),
                |follow| if is_first { Ok(()) } else { follow.event(&line) },
            )?;
        }
        Ok(taken)
    }

    /// Counts a whole line of `length` bytes and does what it says.
    fn line(
        &mut self,
        length: usize,
        take: impl FnOnce(&mut Self) -> Result<(), Reason>,
    ) -> Result<(), ImportError> {
        self.check(length)?;
        self.lines += 1;
        self.whole_bytes += length as u64;
        if let Err(reason) = take(self) {
            self.problems.add(self.lines, reason);
        }
        Ok(())
    }

    /// Holds the current line, of `length` bytes so far, against the limits.
    fn check(&self, length: usize) -> Result<(), ImportError> {
        lines::check(
            self.lines + 1,
            length,
            self.whole_bytes + length as u64,
            &self.limits,
        )
    }

    fn first(&mut self, line: &[u8]) -> Result<(), ImportError> {
        let run = Run::parse(line).map_err(|cause| ImportError::Line {
            line: 1,
            reason: cause.into(),
        })?;
        self.run.name.clone_from(&run.run_id);
        if let Value::Object(config) = &run.config {
            self.run.config.clone_from(config);
        }
        self.run.run = Some(Box::new(run));
        Ok(())
    }

    fn event(&mut self, line: &[u8]) -> Result<(), Reason> {
        match Event::parse(line)? {
            Event::Step(step) => return self.step(&step_line(&step)),
            Event::Eval(eval) => return self.eval(&eval.at.into(), eval.val_loss),
            Event::Sample(sample) => {
                let (at, prompt, text) = (sample.at.into(), sample.prompt, sample.text);
                self.run.samples.push(TextSample { at, prompt, text });
            }
            Event::Resume(resume) => {
                self.resume(resume.from_step as f64);
                self.mark(
                    resume.at,
                    MarkKind::Resume,
                    format!("resumed from step {}", resume.from_step),
                );
            }
            Event::End(end) => {
                self.run.end = Some(end.status);
                self.mark(end.at, MarkKind::End, end.reason.unwrap_or_default());
            }
            Event::Warmup(warmup) => {
                self.mark(
                    warmup.at,
                    MarkKind::Warmup,
                    format!("{:.1} s of warm-up", warmup.seconds),
                );
            }
            Event::Checkpoint(checkpoint) => self.mark(checkpoint.at, MarkKind::Checkpoint, checkpoint.path),
            Event::Benchmark(result) => {
                let text = format!("{} {} {}", result.name, result.metric, result.value);
                self.mark(result.at, MarkKind::Benchmark, text);
            }
            Event::Note(note) => self.mark(note.at, MarkKind::Note, note.text),
            Event::Seal(_) | Event::Unknown(_) => {}
        }
        Ok(())
    }

    fn mark(&mut self, at: At, kind: MarkKind, text: String) {
        self.run.marks.push(Mark {
            at: at.into(),
            kind,
            text,
        });
    }

    fn step(&mut self, step: &StepLine) -> Result<(), Reason> {
        let values = [
            (&Metric::TrainLoss, Some(step.loss)),
            (&Metric::Lr, Some(step.lr)),
            (&Metric::GradNorm, Some(step.grad_norm)),
            (&Metric::TokensPerS, Some(step.tokens_per_s)),
            (&Metric::Mfu, step.mfu),
            (&Metric::MemoryBytes, step.memory_bytes),
        ];
        let given = values
            .into_iter()
            .filter_map(|(metric, value)| Some((metric, value?)));
        let at = position(step);
        let again = self.run.tables[STEPS].replace(&at, given)?;
        Reason::again(&at, again, 0)
    }

    /// Takes whole lines of steps, `bytes` in all.
    fn steps(&mut self, steps: &StepColumns<'_>, longest: usize, bytes: u64) -> Result<(), ImportError> {
        if self.lines == 0 || !self.partial.is_empty() {
            // A line that was cut: it ends here.
            self.up_to_newline(b"\n")?;
        }
        let rows = steps.rows();
        let (lines, whole_bytes) = (self.lines + rows as u64, self.whole_bytes + bytes);
        lines::check(lines, longest, whole_bytes, &self.limits)?;
        if !self.run.tables[STEPS].extend(steps.axes(), &steps.metrics()) {
            for row in 0..rows {
                if let Err(reason) = self.step(&steps.line(row)) {
                    self.problems.add(self.lines + row as u64 + 1, reason);
                }
            }
        }
        (self.lines, self.whole_bytes) = (lines, whole_bytes);
        Ok(())
    }

    fn eval(&mut self, at: &Position, loss: f64) -> Result<(), Reason> {
        self.keep_from(at.step.unwrap_or(0.0));
        let again = self.run.tables[EVALS].replace(at, [(&Metric::ValLoss, loss)])?;
        if !self.run.evaluations.is_empty() {
            let evaluation = self.evaluation(*at, loss);
            self.run.evaluations.push(evaluation);
        }
        // A run that goes on from a checkpoint may measure there once more.
        Reason::again(at, again, 1)
    }

    /// Evaluations from `step` on are about to be dropped. The judge counts them, so from the first time on all are kept in
    /// the order of the log.
    fn keep_from(&mut self, step: f64) {
        let table = &self.run.tables[EVALS];
        let drops = table
            .axis(Axis::Step)
            .and_then(<[f64]>::last)
            .is_some_and(|&last| last >= step);
        if drops && self.run.evaluations.is_empty() {
            let losses = table.column(&Metric::ValLoss).unwrap_or_default();
            let all = losses.iter().enumerate();
            let all = all.map(|(row, &loss)| self.evaluation(table.position(row), loss));
            self.run.evaluations = all.collect();
        }
    }

    fn evaluation(&self, at: Position, val_loss: f64) -> Evaluation {
        let from_tokens = self.run.tokens_before(at.tokens.unwrap_or(0.0));
        Evaluation {
            at,
            val_loss,
            from_tokens,
        }
    }

    /// Drops what is done again after a checkpoint. An evaluation of the checkpoint's own step stays.
    fn resume(&mut self, from_step: f64) {
        self.run.end = None;
        self.keep_from(from_step + 1.0);
        for table in &mut self.run.tables {
            table.rewind(from_step + 1.0);
        }
        self.run
            .samples
            .retain(|sample| sample.at.step.is_none_or(|step| step <= from_step));
    }
}

fn position(step: &StepLine) -> Position {
    Position {
        step: Some(step.step),
        tokens: Some(step.tokens),
        train_s: Some(step.train_s),
        wall_s: Some(step.wall_s),
    }
}

fn step_line(step: &Step) -> StepLine {
    StepLine {
        step: step.at.step as f64,
        tokens: step.at.tokens as f64,
        train_s: step.at.train_s,
        wall_s: step.at.wall_s,
        loss: step.loss,
        lr: step.lr,
        grad_norm: step.grad_norm,
        tokens_per_s: step.tokens_per_s,
        mfu: step.mfu,
        memory_bytes: step.memory_bytes.map(|bytes| bytes as f64),
    }
}
