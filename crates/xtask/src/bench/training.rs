//! A run of `blueberry train --json`, read line by line.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::child::{self, Running};
use super::{Context, Error};

const NAME: &str = "blueberry train";

/// The lines of a run's log and when each came.
pub struct TrainingRun(Vec<Line>);

struct Line {
    /// Since the process was started.
    seconds: f64,
    event: Value,
}

impl TrainingRun {
    /// Trains to the end, with the run's folder at `out`.
    ///
    /// # Errors
    /// The program's failure, or a line that is no JSON.
    pub fn take(command: &mut Command, out: &Path) -> Result<Self, Error> {
        let started = Instant::now();
        let mut running = Running::start(NAME, command.arg("--out").arg(out))?;
        let mut lines = Vec::new();
        while let Some(text) = running.line()? {
            let seconds = started.elapsed().as_secs_f64();
            let event = child::json(NAME, &text)?;
            lines.push(Line { seconds, event });
        }
        running.finish()?;
        Ok(Self(lines))
    }

    /// Seconds from the start of the process to the first line of an event.
    pub fn seconds_to(&self, event: &str) -> Result<f64, Error> {
        self.first(event).map(|line| line.seconds)
    }

    /// A number of the last line.
    pub fn summary(&self, key: &str) -> Result<f64, Error> {
        let number = self.first("end")?.event["summary"][key].as_f64();
        number.ok_or_else(|| child::missing(NAME, key))
    }

    fn first(&self, event: &str) -> Result<&Line, Error> {
        let mut lines = self.0.iter();
        let found = lines.find(|line| line.event["event"] == event);
        found.ok_or_else(|| child::missing(NAME, event))
    }
}

/// `blueberry train --json` of a preset for `tokens` targets, with as little beside the training as can be.
pub fn command(context: &Context, preset: &str, device: &str, tokens: u64) -> Command {
    let mut command = context.blueberry();
    command.args(["train", "--json", "--preset", preset, "--device", device]);
    command.args(["--train-tokens", &tokens.to_string()]);
    for setting in [
        "eval.tokens=512",
        "sample.every_tokens=0",
        "checkpoint.every_tokens=0",
    ] {
        command.args(["--set", setting]);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run() -> TrainingRun {
        let events = [
            json!({"event": "run", "version": 1}),
            json!({"event": "step", "step": 1}),
            json!({"event": "step", "step": 2}),
            json!({"event": "end", "summary": {"data_wait_share": 0.25}}),
        ];
        let lines = events.into_iter().zip([0.5, 1.5, 2.5, 3.5]);
        TrainingRun(lines.map(|(event, seconds)| Line { seconds, event }).collect())
    }

    #[test]
    fn the_first_line_of_an_event_counts() {
        assert_eq!(run().seconds_to("step").unwrap(), 1.5);
        let error = run().seconds_to("eval").unwrap_err().to_string();
        assert!(error.contains("blueberry train did not report `eval`"), "{error}");
    }

    #[test]
    fn the_summary_is_on_the_last_line() {
        assert_eq!(run().summary("data_wait_share").unwrap(), 0.25);
        let error = run().summary("peak").unwrap_err().to_string();
        assert!(error.contains("did not report `peak`"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn lines_are_read_with_the_time_at_which_they_came() {
        let script = r#"echo '{"event":"run"}'; sleep 0.05; echo '{"event":"step"}'"#;
        let mut command = Command::new("sh");
        let run = TrainingRun::take(command.args(["-c", script]), Path::new("unused")).unwrap();
        assert!(run.seconds_to("step").unwrap() >= run.seconds_to("run").unwrap() + 0.04);
    }
}
