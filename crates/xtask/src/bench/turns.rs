//! Programs that take turns, so that whatever else the machine does meets all of them alike. One works at a
//! time; the others wait for their input.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};

use serde::Deserialize;

use super::Error;
use super::child::{self, Running};

/// Steps of the first answer, from which the length of a turn is taken.
const TRIAL_STEPS: u64 = 2;

/// A turn of one contender.
pub type Turn<'a, T> = Box<dyn FnMut() -> Result<T, Error> + 'a>;

/// `rounds` times one turn of each, in order; one list a contender.
///
/// # Errors
/// The first of any turn.
pub fn interleave<T>(rounds: u32, turns: &mut [Turn<'_, T>]) -> Result<Vec<Vec<T>>, Error> {
    let mut taken: Vec<Vec<T>> = turns.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (turn, list) in turns.iter_mut().zip(&mut taken) {
            list.push(turn()?);
        }
    }
    Ok(taken)
}

/// What a program answers to `go K`: K timed optimiser steps.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    pub version: String,
    pub threads: u64,
    pub tokens_per_step: u64,
    /// Seconds of each step.
    pub step_s: Vec<f64>,
    pub tokens_per_s: f64,
    pub parameters: u64,
    pub peak_rss_bytes: Option<u64>,
    /// Only our own program says it.
    pub flops_per_token: Option<f64>,
    /// Only our own program says it.
    pub device_name: Option<String>,
}

/// A program that is warm and waits for `go K`.
pub struct Interactive {
    running: Running,
    stdin: ChildStdin,
}

impl Interactive {
    /// # Errors
    /// [`Error::Start`].
    pub fn start(name: &str, command: &mut Command) -> Result<Self, Error> {
        let mut running = Running::start(name, command.stdin(Stdio::piped()))?;
        let stdin = running.take_stdin()?;
        Ok(Self { running, stdin })
    }

    pub fn name(&self) -> &str {
        self.running.name()
    }

    /// Has it take `steps` steps.
    ///
    /// # Errors
    /// [`Error::Ended`] where it is gone, [`Error::Json`] where it answers something else.
    pub fn go(&mut self, steps: u64) -> Result<Answer, Error> {
        let asked = writeln!(self.stdin, "go {steps}").and_then(|()| self.stdin.flush());
        // A child that is gone cannot be asked either; how it ended says more than the broken pipe.
        let answer = if asked.is_ok() { self.running.line()? } else { None };
        match answer {
            Some(line) => child::json(self.name(), &line),
            None => Err(self.running.ended()),
        }
    }

    /// A first answer, which comes after the warm-up.
    pub fn trial(&mut self) -> Result<Answer, Error> {
        self.go(TRIAL_STEPS)
    }
}

/// Steps that take about `turn_s` seconds, judged by `answer`.
pub fn steps_for(answer: &Answer, turn_s: f64) -> u64 {
    let seconds: f64 = answer.step_s.iter().sum();
    let steps = answer.step_s.len() as f64 * turn_s / seconds;
    // A float becomes an integer by saturation, and one that is no number becomes 0.
    (steps.round() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const LINE: &str = r#"{"framework": "pytorch", "version": "2.15.0", "mode": "eager", "threads": 2, "tokens_per_step": 512, "step_s": [0.5, 0.25], "tokens_per_s": 1365.3, "peak_rss_bytes": 4096, "peak_device_bytes": null, "loss": 5.5, "parameters": 7}"#;

    fn answer(step_s: &[f64]) -> Answer {
        Answer {
            step_s: step_s.to_vec(),
            ..child::json("test", LINE).unwrap()
        }
    }

    #[test]
    fn contenders_take_turns() {
        let order = RefCell::new(String::new());
        let turn = |name: char| -> Turn<'_, char> {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(name);
                Ok(name)
            })
        };
        let lists = interleave(2, &mut [turn('A'), turn('B'), turn('C')]).unwrap();
        assert_eq!(*order.borrow(), "ABCABC");
        assert_eq!(lists, [['A', 'A'], ['B', 'B'], ['C', 'C']]);
    }

    #[test]
    fn a_failed_turn_ends_the_match() {
        let mut calls = 0;
        let mut turns: Vec<Turn<'_, ()>> = vec![
            Box::new(|| Err(Error::NoTurns)),
            Box::new(|| {
                calls += 1;
                Ok(())
            }),
        ];
        assert!(matches!(interleave(3, &mut turns), Err(Error::NoTurns)));
        drop(turns);
        assert_eq!(calls, 0);
    }

    #[test]
    fn a_turn_has_the_steps_that_fill_it() {
        assert_eq!(steps_for(&answer(&[0.5, 0.25]), 3.0), 8);
        assert_eq!(steps_for(&answer(&[40.0, 40.0]), 3.0), 1);
        assert_eq!(steps_for(&answer(&[]), 3.0), 1);
    }

    #[cfg(unix)]
    fn shell(script: &str) -> Interactive {
        Interactive::start("the program", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn an_answer_is_asked_for_and_read() {
        let script = format!(r#"while read word steps; do test "$word" = go && echo '{LINE}'; done"#);
        let mut program = shell(&script);
        for _ in 0..2 {
            let answer = program.go(2).unwrap();
            assert_eq!((answer.tokens_per_step, answer.parameters), (512, 7));
            assert_eq!(answer.flops_per_token, None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_is_gone_is_reported_with_its_status() {
        let error = shell("read line; exit 2").go(1).unwrap_err().to_string();
        assert!(error.contains("the program ended with exit status: 2"), "{error}");
    }
}
