//! What settings alone tell, before anything has run.

use serde_json::Value;

use crate::config::{Config, model};
use crate::rules::most_targets;
use crate::{Category, Tokens};

/// Why no run of these settings can be eligible in `category`, a sentence each; what only a run tells, and what this
/// build has no formula for, is not among them. The rules decide, after the runs: this saves who made a slip the time.
#[must_use]
pub fn shortcomings(category: &Category, config: &Value) -> Vec<String> {
    let parameters = parameters_outside(category, config);
    let settings = match read(config) {
        Ok(settings) => [
            tokens_outside(category, &settings),
            passes_over(category, &settings),
            another_context(category, &settings),
            too_little_validation(category, &settings),
        ],
        Err(problem) => [Some(format!("it lacks {problem}")), None, None, None],
    };
    [parameters].into_iter().chain(settings).flatten().collect()
}

/// Steps of a run of these settings; nothing where they cannot be read.
#[must_use]
pub fn steps(config: &Value) -> Option<u64> {
    read(config).ok().map(|config| config.course().steps)
}

/// Settings that may have no seed yet: a preset's have none.
fn read(config: &Value) -> Result<Config, String> {
    let mut config = config.clone();
    if let Value::Object(fields) = &mut config {
        fields.entry("seed").or_insert(0.into());
    }
    Config::read(&config)
}

fn parameters_outside(category: &Category, config: &Value) -> Option<String> {
    let band = category.parameters?;
    let found = model(config).ok()?.counts().parameters;
    let outside = found < band.least || found > band.most;
    outside.then(|| {
        format!(
            "the model has {found} parameters; allowed are {} to {}",
            band.least, band.most
        )
    })
}

fn tokens_outside(category: &Category, config: &Config) -> Option<String> {
    let Some(Tokens::Count(asked)) = category.tokens else {
        return None;
    };
    let (set, course) = (config.train.tokens, config.course());
    let most = most_targets(asked, course.last_step);
    // Whole steps may reach what the settings fall short of.
    let outside = course.targets < asked || course.targets > most;
    outside.then(|| {
        format!(
            "`train.tokens` is {set}, which whole steps make {}; {asked} are asked for, and with a last step of {} at most {most}",
            course.targets, course.last_step
        )
    })
}

fn passes_over(category: &Category, config: &Config) -> Option<String> {
    let (most, found) = (category.max_passes?, config.train.epochs);
    (found > most).then(|| format!("`train.epochs` is {found}; at most {most} are allowed"))
}

fn another_context(category: &Category, config: &Config) -> Option<String> {
    let (asked, found) = (category.validation_seq_len?, config.eval.seq_len);
    (found != asked).then(|| format!("`eval.seq_len` is {found}; {asked} is asked for"))
}

fn too_little_validation(category: &Category, config: &Config) -> Option<String> {
    let (asked, found) = (category.validation_targets?, config.eval.tokens);
    (found < asked).then(|| format!("`eval.tokens` is {found}; evaluations of {asked} targets are asked for"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Draft, categories};

    fn found(change: impl FnOnce(&mut Value), category: impl FnOnce(&mut Category)) -> Vec<String> {
        let (mut categories, mut config) = (categories(), Draft::valid(1).run.config);
        category(&mut categories.list[0]);
        change(&mut config);
        shortcomings(&categories.list[0], &config)
    }

    #[test]
    fn a_recipe_that_can_be_eligible_has_none() {
        assert_eq!(found(|_| {}, |_| {}), [""; 0]);
        let without_seed = |config: &mut Value| drop(config.as_object_mut().unwrap().remove("seed"));
        assert_eq!(found(without_seed, |_| {}), [""; 0]);
    }

    #[test]
    fn what_no_run_can_mend_is_told() {
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 6] = [
            (|c| c["model"]["d_model"] = 64.into(), "parameters; allowed are"),
            (|c| c["train"]["tokens"] = 500.into(), "`train.tokens` is 500"),
            (|c| c["train"]["tokens"] = 2000.into(), "`train.tokens` is 2000"),
            (|c| c["eval"]["seq_len"] = 1.into(), "`eval.seq_len` is 1"),
            (|c| c["eval"]["tokens"] = 8.into(), "`eval.tokens` is 8"),
            (|c| c["train"] = json!({}), "it lacks settings"),
        ];
        for (change, words) in cases {
            let found = found(change, |_| {});
            assert!(
                found.iter().any(|problem| problem.contains(words)),
                "{words}: {found:?}"
            );
        }
        let passes = found(|c| c["train"]["epochs"] = 3.into(), |c| c.max_passes = Some(2));
        assert_eq!(passes, ["`train.epochs` is 3; at most 2 are allowed"]);
    }

    /// 600 in steps of 300 up to the last tenth, which is one of 420.
    #[test]
    fn whole_steps_of_a_curriculum_count() {
        let curriculum = |c: &mut Value| {
            c["train"] = json!({"tokens": 610, "seq_len": 30, "micro_batch": 10, "epochs": 1});
            c["curriculum"] = json!([{"from": 0.9, "seq_len": 42}]);
        };
        assert_eq!(found(curriculum, |_| {}), [""; 0]);
        let too_far = |c: &mut Value| {
            curriculum(c);
            c["curriculum"][0]["seq_len"] = 60.into();
        };
        assert!(found(too_far, |_| {})[0].contains("which whole steps make 1200"));
    }

    #[test]
    fn an_architecture_without_a_formula_here_is_left_to_the_verifier() {
        assert_eq!(found(|c| c["model"]["experts"] = 8.into(), |_| {}), [""; 0]);
    }

    #[test]
    fn steps_are_counted_through_a_curriculum() {
        let train = json!({"tokens": 1000, "seq_len": 10, "micro_batch": 2, "accumulation": 1});
        let eval = json!({"every_tokens": 100, "tokens": 10, "seq_len": 10});
        let mut config = json!({"seed": 1, "train": train, "eval": eval});
        assert_eq!(steps(&config), Some(50));
        // 25 steps of 20 up to the half of it, then 500 in steps of 40.
        config["curriculum"] = json!([{"from": 0.5, "micro_batch": 4}]);
        assert_eq!(steps(&config), Some(25 + 13));
        assert_eq!(steps(&json!({})), None);
    }
}
