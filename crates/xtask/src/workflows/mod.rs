//! A lint of `.github/workflows`: what an attacker's pull request would use, and what actionlint does not ask.

mod yaml;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use yaml::Leaf;

/// A workflow that must not be merged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("there is no workflow in {}", .0.display())]
    None(PathBuf),
    #[error("{} thing(s) to change in the workflows:\n{}", .0.len(), .0.join("\n"))]
    Found(Vec<String>),
}

/// Checks every workflow below `root`.
///
/// # Errors
/// [`Error::Found`] names file, line and what to write instead.
pub fn check(root: &Path) -> Result<(), Error> {
    let folder = root.join(".github/workflows");
    let mut findings = Vec::new();
    let files = files(&folder)?;
    for path in &files {
        let text = fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let name = path.strip_prefix(root).unwrap_or(path).display();
        findings.extend(
            problems(&text)
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    match (files.is_empty(), findings.is_empty()) {
        (true, _) => Err(Error::None(folder)),
        (_, false) => Err(Error::Found(findings)),
        _ => Ok(()),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let fail = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(fail)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files = paths.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml")
    });
    files.sort();
    Ok(files)
}

/// A rule over the leaves of a workflow: the line and what is wrong.
type Rule = fn(&[Leaf]) -> Vec<(usize, String)>;

const RULES: &[Rule] = &[permissions, triggers, pins, scripts, credentials];

fn problems(text: &str) -> Vec<String> {
    match yaml::leaves(text) {
        Err(error) => vec![error.to_string()],
        Ok(leaves) => {
            let found = RULES.iter().flat_map(|rule| rule(&leaves));
            found
                .map(|(line, problem)| format!("line {line}: {problem}"))
                .collect()
        }
    }
}

/// Without a line on permissions a workflow has those of the repository's settings, which may be to write.
fn permissions(leaves: &[Leaf]) -> Vec<(usize, String)> {
    let stated: Vec<&Leaf> = leaves
        .iter()
        .filter(|leaf| leaf.path.iter().any(|part| part == "permissions"))
        .collect();
    let mut found = Vec::new();
    if !stated.iter().any(|leaf| leaf.is_below(&["permissions"])) {
        found.push((
            1,
            "no `permissions` at the top; write `permissions: {contents: read}`".to_owned(),
        ));
    }
    let of_strangers = leaves.iter().any(|leaf| is_trigger(leaf, "pull_request"));
    for leaf in stated {
        if leaf.value == "write-all" {
            found.push((leaf.line, "`write-all`; name what is written".to_owned()));
        }
        if of_strangers && leaf.value == "write" {
            let what = leaf.key();
            found.push((
                leaf.line,
                format!("`{what}: write` in a workflow that runs on pull requests"),
            ));
        }
    }
    found
}

/// On `pull_request_target` a stranger's change runs with the repository's secrets.
fn triggers(leaves: &[Leaf]) -> Vec<(usize, String)> {
    let bad = leaves
        .iter()
        .filter(|leaf| is_trigger(leaf, "pull_request_target"));
    let problem = "`pull_request_target` has the repository's secrets; use `pull_request`";
    bad.map(|leaf| (leaf.line, problem.to_owned())).collect()
}

fn is_trigger(leaf: &Leaf, trigger: &str) -> bool {
    leaf.is_below(&["on"])
        && (leaf.path.get(1).is_some_and(|part| part == trigger)
            || (leaf.path.len() <= 2 && leaf.value == trigger))
}

/// A tag of somebody else's repository can be moved to other code, a commit cannot.
fn pins(leaves: &[Leaf]) -> Vec<(usize, String)> {
    let uses = leaves
        .iter()
        .filter(|leaf| leaf.key() == "uses" && !is_pinned(&leaf.value));
    uses.map(|leaf| {
        (
            leaf.line,
            format!(
                "`{}` is not pinned; write the full commit behind the `@`",
                leaf.value
            ),
        )
    })
    .collect()
}

fn is_pinned(action: &str) -> bool {
    let hex = |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    let pinned =
        |(_, at): (&str, &str)| hex(at, 40) || at.strip_prefix("sha256:").is_some_and(|at| hex(at, 64));
    action.starts_with("./") || action.rsplit_once('@').is_some_and(pinned)
}

/// An expression is pasted into the script before the shell reads it, so that a title or a branch's name can hold
/// commands.
fn scripts(leaves: &[Leaf]) -> Vec<(usize, String)> {
    let pasted = leaves
        .iter()
        .filter(|leaf| leaf.key() == "run" && leaf.value.contains("${{"));
    let problem = "an expression `${{ }}` in `run`; pass it by `env` and write \"$NAME\"";
    pasted.map(|leaf| (leaf.line, problem.to_owned())).collect()
}

/// A checkout leaves the token in `.git/config`, where every later step can read it.
fn credentials(leaves: &[Leaf]) -> Vec<(usize, String)> {
    let checkouts = leaves
        .iter()
        .filter(|leaf| leaf.key() == "uses" && leaf.value.starts_with("actions/checkout@"));
    let keeps = checkouts.filter(|checkout| {
        let step = &checkout.path[..checkout.path.len() - 1];
        let drops = |leaf: &Leaf| {
            leaf.path.starts_with(step) && leaf.key() == "persist-credentials" && leaf.value == "false"
        };
        !leaves.iter().any(drops)
    });
    keeps
        .map(|leaf| {
            (
                leaf.line,
                "a checkout without `persist-credentials: false`".to_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
on:
  pull_request:
    paths: [records/**]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          persist-credentials: false
      - run: echo \"$TITLE\"
        env:
          TITLE: ${{ github.event.pull_request.title }}
";

    #[test]
    fn a_good_workflow_passes() {
        assert_eq!(problems(GOOD), [""; 0]);
    }

    #[test]
    fn every_fault_is_found_and_its_line_named() {
        let edits = [
            (
                "  pull_request:\n",
                "  pull_request_target:\n",
                "line 3: `pull_request_target`",
            ),
            (
                "on:\n  pull_request:\n    paths: [records/**]\n",
                "on: [push, pull_request_target]\n",
                "line 1: `pull_request_target`",
            ),
            (
                "permissions:\n  contents: read\n",
                "",
                "line 1: no `permissions` at the top",
            ),
            (
                "  contents: read\n",
                "  contents: write\n",
                "line 5: `contents: write` in a workflow that runs on pull",
            ),
            (
                "permissions:\n  contents: read\n",
                "permissions: write-all\n",
                "line 4: `write-all`",
            ),
            (
                "de0fac2e4500dabe0009e67214ff5f5447ce83dd",
                "v6",
                "line 10: `actions/checkout@v6` is not pinned",
            ),
            (
                "de0fac2e4500dabe0009e67214ff5f5447ce83dd",
                "de0fac2",
                "is not pinned",
            ),
            (
                "\"$TITLE\"",
                "${{ github.event.pull_request.title }}",
                "line 13: an expression",
            ),
            (
                "persist-credentials: false",
                "persist-credentials: true",
                "line 10: a checkout without",
            ),
            ("on:\n", "on:\n  - [\n", "line "),
        ];
        for (from, to, expected) in edits {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let found = problems(&text);
            assert!(
                found.iter().any(|problem| problem.contains(expected)),
                "{expected}: {found:?}"
            );
        }
    }

    #[test]
    fn the_line_of_a_fault_is_named_with_its_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(".github/workflows");
        assert!(matches!(check(root.path()), Err(Error::Read { .. })));
        fs::create_dir_all(&folder).unwrap();
        assert!(matches!(check(root.path()), Err(Error::None(_))));
        fs::write(folder.join("a.yml"), GOOD).unwrap();
        check(root.path()).unwrap();
        fs::write(
            folder.join("b.yaml"),
            GOOD.replace("contents: read", "contents: write"),
        )
        .unwrap();
        let error = check(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("1 thing(s)") && error.contains("b.yaml: line 5: `contents: write`"),
            "{error}"
        );
    }

    #[test]
    fn a_local_action_and_an_image_by_digest_are_pinned() {
        assert!(is_pinned("./.github/actions/a"));
        assert!(is_pinned(&format!("docker://alpine@sha256:{}", "ab".repeat(32))));
        assert!(!is_pinned("docker://alpine:3"));
        assert!(!is_pinned("owner/action"));
    }

    #[test]
    fn the_workflows_of_this_repository_pass() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        check(&root).unwrap();
    }
}
