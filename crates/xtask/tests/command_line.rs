//! The command as a process: what it prints and how it ends.

use std::process::{Command, Output};

fn xtask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .output()
        .expect("the binary was built with this test")
}

#[test]
fn list_names_the_steps_in_order() {
    let output = xtask(&["ci", "--list"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(
        names,
        [
            "setup",
            "fmt",
            "workflows",
            "papers",
            "clippy",
            "build",
            "wasm",
            "gpu",
            "test",
            "page",
            "deny",
            "typos"
        ]
    );
}

#[test]
fn an_unknown_step_is_bad_usage() {
    let output = xtask(&["ci", "--only", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("nonsense") && text.contains("setup"), "{text}");
}

#[test]
fn outside_a_workspace_nothing_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command
        .args(["ci", "--only", "fmt"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("no Cargo workspace at or above the current folder"),
        "{text}"
    );
}
