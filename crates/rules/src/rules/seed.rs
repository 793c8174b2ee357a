use super::{Check, Rule};
use crate::config::Config;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "seed-stated",
    text: "The seed of the run is the seed of its settings.",
    check: Check::Run(check),
};

fn check(_: &Case, run: &LoggedRun) -> Answer {
    let config = match Config::of(&run.log) {
        Ok(config) => config,
        Err(missing) => return Answer::cannot_tell(missing),
    };
    let seed = run.log.run.seed;
    if config.seed == seed {
        Answer::pass(format!("seed {seed}"))
    } else {
        Answer::fail_at(1, format!("seed {seed}, but the settings say {}", config.seed))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn another_seed_than_the_settings_is_found() {
        Submission::valid().passes("seed-stated");
        Submission::with(|draft| draft.run.seed = 9).fails_at("seed-stated", 1, "the settings say 1");
    }
}
