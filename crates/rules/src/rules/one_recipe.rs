use super::{Check, Rule};
use crate::LoggedRun;
use crate::config_sha256;
use crate::{Answer, Case};

pub const RULE: Rule = Rule {
    id: "one-recipe",
    text: "All runs are of one recipe: the same settings, source, build, data and device.",
    check: Check::Submission(check),
};

fn check(case: &Case) -> Answer {
    let Some((first, rest)) = case.runs.split_first() else {
        return Answer::fail("no run");
    };
    let ours = recipe(first);
    for run in rest {
        for ((name, ours), (_, theirs)) in ours.iter().zip(recipe(run)) {
            if *ours != theirs {
                return Answer::fail(format!(
                    "{name} of {} is `{theirs}`, of {} `{ours}`",
                    run.name, first.name
                ));
            }
        }
    }
    Answer::pass(format!("{} run(s) of one recipe", case.runs.len()))
}

fn recipe(run: &LoggedRun) -> [(&'static str, String); 8] {
    let run = &run.log.run;
    [
        ("the digest of the settings", config_sha256(&run.config)),
        ("the source", run.source.sha256.clone()),
        (
            "the build flags",
            run.source.build_flags.clone().unwrap_or_default(),
        ),
        ("the manifest", run.data.manifest_sha256.clone()),
        ("the device", run.hardware.device.clone()),
        ("the driver", run.hardware.driver.clone()),
        ("the precision", run.hardware.precision.clone()),
        ("the kernels", format!("{:?}", run.kernels)),
    ]
}

#[cfg(test)]
mod tests {
    use crate::testing::Submission;

    #[test]
    fn runs_of_two_recipes_are_found() {
        Submission::valid().passes("one-recipe");
        Submission::with(|draft| draft.run.config["optim"]["muon"]["lr"] = 0.03.into())
            .fails("one-recipe", "settings");
        Submission::with(|draft| draft.run.source.build_flags = Some("-O".into()))
            .fails("one-recipe", "build flags");
        Submission::with(|draft| draft.run.hardware.device = "Other".into())
            .fails("one-recipe", "the device");
    }
}
