//! A record run again by somebody else: `blueberry verify`.
//!
//! [`verify`] takes the source that a record names, builds it and runs it, by turns with the record that it has to beat,
//! in a [`Sandbox`]; the judge looks at the logs as at anybody's, and a [`Verification`] says what came of it. The figure
//! in it stands, whatever was claimed.
//!
//! What is run is a stranger's program. It has no network, reads its inputs and the system's programs, and writes its
//! run's folder and its build; each process is held to the machine's memory and to files of 64 GiB, and all that it
//! writes to 256 GiB. Its log is what it chooses to write: the verifier's own clock bounds the log's on both sides, its
//! system names the machine, its data set the data, and every rule holds for it, but a program that makes a log up within
//! its time is found by reading its source. A probe asks the model that the run has saved: the program's own answer finds
//! a model that is at fault without its author's knowing, and the logits that it gives at places which the verifier drew
//! (`questions.rs`) are judged here, so that a log whose losses the model does not reach shows.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::date::day_of;
use crate::sign::Signer;

mod before;
mod decide;
mod document;
mod error;
mod execute;
mod handover;
mod host;
mod plan;
mod preflight;
mod probing;
mod process;
mod questions;
mod review;
mod sandbox;
mod source;
mod state;
mod subject;
mod weights;
mod witness;
mod write;

pub use before::{broken_rules, refuse_no_data, refuse_other_data};
pub use decide::Judge;
pub use document::{
    BuiltSource, Comparison, FORMAT, Outcome, Terms, VERIFICATION_FILE, VERIFICATION_SIGNATURE_FILE,
    Verification, VerifiedRun,
};
pub use error::{SourceError, Unbuildable, VerifyError};
pub use execute::Progress;
pub use host::Host;
pub use plan::{Conditions, GivenProgram, Options, Plan, Role, Side, Turn};
pub use review::{FOR_A_PERSON, Review, ReviewError};
pub use sandbox::{Ceilings, Job, Sandbox, gpus};
pub use source::{Source, check_lock, check_out};
pub use state::{Done, Probed, State, Unbuilt, Work};
pub use subject::Subject;
pub use weights::count as count_saved;
pub use write::{LOGS_FOLDER, refuse_signed, write};

/// What is to be verified, and where.
#[derive(Debug)]
pub struct Request<'a> {
    /// The record.
    pub challenger: &'a Subject,
    /// The record that it has to beat, where there is one.
    pub record: Option<&'a Subject>,
    /// A repository that has the commits of both.
    pub repository: &'a Path,
    /// The folder of this verification, which goes on where it was interrupted.
    pub work: PathBuf,
    /// What the verifier chooses.
    pub options: Options,
    /// What it is judged by.
    pub judge: Judge<'a>,
    /// Tokens of the verifier's validation set, at places of which a model that is probed is asked for logits.
    pub validation: Option<&'a [u16]>,
    /// The verifier's own `blueberry`, by which the device is checked in the sandbox before anything is run on it; without
    /// it, it is not.
    pub own_program: Option<PathBuf>,
    /// What could not be told and the verifier has looked at. No part of the plan: it is known when every run is over.
    pub reviews: Vec<Review>,
    /// Who verifies.
    pub verifier: String,
    /// The verifier's key, where it is signed.
    pub signer: Option<&'a Signer>,
}

/// Carries a verification out, or goes on with it; `progress` is told how far it is. Nothing is written outside of the
/// folder of the verification: see [`write`].
///
/// # Errors
/// [`VerifyError`]: it cannot go on. A record that does not hold is no error but an [`Outcome`].
pub fn verify(request: &Request, progress: &mut dyn FnMut(Progress)) -> Result<Verification, VerifyError> {
    execute::check_sandbox(&request.options.conditions.sandbox)?;
    let options = &request.options;
    let plan = Plan::new(
        request.judge.category,
        request.challenger,
        request.record,
        options,
    )?;
    let work = Work::open(&request.work)?;
    let mut state = work.resume(plan, !options.seeds.is_empty())?;
    if !state.runs.is_empty() {
        let (done, of) = (state.runs.len(), state.plan.turns().len());
        progress(Progress::GoesOn { done, of });
    }
    let runs_nothing = request.signer.is_some() && state.unbuilt.as_ref().is_some_and(|kept| kept.in_source);
    if !runs_nothing
        && state.runs.len() < state.plan.turns().len()
        && let Some(program) = &request.own_program
    {
        preflight::check_device(&work, &state.plan, program, progress)?;
    }
    let mut verification = carry_out(request, &work, &mut state, progress)?;
    verification.verifier.clone_from(&request.verifier);
    review::review(&mut verification, &request.reviews, request.record.is_some())?;
    verification.date = today();
    verification.public_key = request.signer.map(Signer::public_key).transpose()?;
    Ok(verification)
}

fn carry_out(
    request: &Request,
    work: &Work,
    state: &mut State,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verification, VerifyError> {
    let plan = state.plan.clone();
    let mut execution = execute::Execution {
        work,
        plan: &plan,
        repository: request.repository,
        progress,
    };
    let sides = [
        (Role::Challenger, Some(request.challenger)),
        (Role::Record, request.record),
    ];
    let sides: Vec<_> = sides
        .into_iter()
        .filter_map(|(role, side)| Some((role, side?)))
        .collect();
    let kept = state.unbuilt.take();
    let unbuilt = match kept.filter(|kept| kept.in_source && request.signer.is_some()) {
        Some(unbuilt) => Some(unbuilt),
        None => execution.prepare(&sides)?.err().map(|why| Unbuilt {
            role: why.role,
            why: why.to_string(),
            in_source: why.cause.lies_in_source(),
        }),
    };
    if let Some(why) = unbuilt {
        // What the machine lacked it may have the next time.
        state.unbuilt = Some(why.clone()).filter(|why| why.in_source);
        work.save(state)?;
        return decide::unbuildable(&plan, request.challenger, &request.judge, &why);
    }
    execution.run(state)?;
    let probed = execution.probe(state, request.validation)?;
    decide::decide(work, state, request.challenger, &request.judge, &probed)
}

fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    day_of(since.as_secs_f64()).unwrap_or_default()
}
