use super::{Check, Rule};
use crate::is_sha256;
use crate::{Answer, Case, LoggedRun};

pub const RULE: Rule = Rule {
    id: "code-identified",
    text: "The code is identified: commit, digest of the tree, patch where it differs, flags of the build.",
    check: Check::Run(check),
};

fn check(case: &Case, run: &LoggedRun) -> Answer {
    let source = &run.log.run.source;
    let Some(commit) = source.commit.as_deref() else {
        return Answer::fail_at(1, "no commit: build from a git checkout");
    };
    let is_commit = (40..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_commit || !is_sha256(&source.sha256) {
        return Answer::fail_at(
            1,
            format!("commit `{commit}`, tree `{}`: no digests", source.sha256),
        );
    }
    let patch = source.patch_sha256.as_deref();
    if source.dirty && !patch.is_some_and(is_sha256) {
        return Answer::cannot_tell(
            "the digest of the patch, since the tree differed from its commit: commit, then run again",
        );
    }
    let Some(flags) = source.build_flags.as_deref() else {
        return Answer::cannot_tell("the flags of the build: run again with a build that logs them");
    };
    if let Some(submitted) = &case.facts.source
        && (submitted.commit != commit || submitted.patch_sha256.as_deref() != patch)
    {
        return Answer::fail_at(
            1,
            format!(
                "the log is of commit {commit}, the submission holds {} or another patch",
                submitted.commit
            ),
        );
    }
    let patch = if patch.is_some() { " with a patch" } else { "" };
    let flags = if flags.is_empty() {
        "no further build flags".to_owned()
    } else {
        format!("build flags {flags}")
    };
    Answer::pass(format!("commit {commit}{patch}, {flags}"))
}

#[cfg(test)]
mod tests {
    use crate::SubmittedSource;
    use crate::testing::{Submission, hex};

    #[test]
    fn code_that_is_not_identified_is_found() {
        Submission::valid().passes("code-identified");
        Submission::with(|draft| draft.run.source.commit = None).fails_at("code-identified", 1, "no commit");
        Submission::with(|draft| draft.run.source.sha256 = "?".into()).fails("code-identified", "no digests");
    }

    #[test]
    fn a_dirty_tree_needs_its_patch() {
        Submission::with(|draft| draft.run.source.dirty = true).cannot_tell("code-identified", "patch");
        let patched = Submission::with(|draft| {
            draft.run.source.dirty = true;
            draft.run.source.patch_sha256 = Some(hex('f'));
        });
        patched.passes("code-identified");
    }

    #[test]
    fn build_flags_are_shown_and_must_be_recorded() {
        Submission::with(|draft| draft.run.source.build_flags = None).cannot_tell("code-identified", "flags");
        let flags = "RUSTFLAGS=-C target-cpu=native";
        let submission = Submission::with(|draft| draft.run.source.build_flags = Some(flags.into()));
        assert!(submission.answer("code-identified").words().contains(flags));
        submission.passes("code-identified");
    }

    #[test]
    fn the_submitted_source_must_be_the_logs() {
        let mut submission = Submission::valid();
        submission.facts.source = Some(SubmittedSource {
            commit: hex('1'),
            patch_sha256: None,
        });
        submission.fails("code-identified", "the submission holds");
    }
}
