//! ARCHITECTURE.md against the workspace: every crate has its row, and dependencies go one way.

mod table;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use table::Row;

/// What a no-GPU crate must not name, by the beginning of the package's name.
const GPU_PACKAGES: [&str; 3] = ["burn", "cubecl", "wgpu"];

/// One crate, as Cargo has it; dependencies of its tests do not count.
struct Crate {
    folder: String,
    /// Folders of the workspace crates that it depends on.
    inside: Vec<String>,
    /// Packages from elsewhere that it depends on.
    outside: Vec<String>,
}

#[test]
fn architecture_is_true() -> Result<(), Box<dyn Error>> {
    // Asked for at run time: builds are shared between clones, and each must read its own document.
    let manifest = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let metadata = metadata(&manifest)?;
    let path = metadata.workspace_root.join("ARCHITECTURE.md");
    let document = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = violations(&table::parse(&document)?, &crates(&metadata));
    assert!(
        found.is_empty(),
        "ARCHITECTURE.md and the crates disagree:\n  {}\n",
        found.join("\n  ")
    );
    Ok(())
}

#[test]
fn files_that_documents_name_exist() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../..");
    for document in [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "README.md",
        "bench/README.md",
    ] {
        let text = std::fs::read_to_string(root.join(document))?;
        let quoted = text.split('`').skip(1).step_by(2);
        let paths: Vec<&str> = quoted.filter(|word| is_path(word)).collect();
        let missing: Vec<&&str> = paths.iter().filter(|path| !root.join(path).exists()).collect();
        assert!(
            missing.is_empty(),
            "{document} names what is not there: {missing:?}"
        );
        assert!(document != "ARCHITECTURE.md" || paths.len() > 30, "{paths:?}");
    }
    Ok(())
}

/// What compiles for a browser and does not work there: a file, a thread, a wait for a result. `native` and `cpu` folders
/// are not for it.
#[test]
fn what_compiles_to_wasm_can_run_there() -> Result<(), Box<dyn Error>> {
    const NOT_THERE: [&str; 8] = [
        "std::fs",
        "std::thread",
        "std::net",
        "std::process",
        "std::time",
        "rayon",
        ".into_data()",
        ".into_scalar()",
    ];
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let document = std::fs::read_to_string(root.join("ARCHITECTURE.md"))?;
    let rows = document
        .lines()
        .filter(|line| line.contains("compiles to wasm |"));
    let folders = rows.filter_map(|row| Some(root.join(row.split('|').nth(1)?.trim()).join("src")));
    let mut folders: Vec<PathBuf> = folders.collect();
    assert!(folders.len() > 8, "{folders:?}");
    let (mut found, mut files) = (Vec::new(), 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.extend((!path.ends_with("native") && !path.ends_with("cpu")).then_some(path));
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            // Tests run here; they stand at a file's end.
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            files += 1;
            found.extend(
                NOT_THERE
                    .iter()
                    .filter(|name| text.contains(**name))
                    .map(|name| format!("{}: {name}", path.display())),
            );
        }
    }
    assert!(files > 50 && found.is_empty(), "{files} files; {found:#?}");
    Ok(())
}

/// Whether a word in code marks is the path of something in the sources.
fn is_path(word: &str) -> bool {
    let tops = ["crates/", "bench/", "tests/", "presets/", "shaders/", "web/app"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    tops.iter().any(|top| word.starts_with(top)) && word.chars().all(plain)
}

/// What is needed of `cargo metadata`. Read here rather than by the crate of that name, whose features would
/// have Cargo build Burn once for the program and once more for the tests.
#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    /// With `--no-deps`, the workspace's own.
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `null` for a normal one.
    kind: Option<String>,
    /// Only of the workspace's own.
    path: Option<PathBuf>,
}

fn metadata(manifest: &Path) -> Result<Metadata, Box<dyn Error>> {
    let arguments = [
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--manifest-path",
    ];
    let output = Command::new("cargo").args(arguments).arg(manifest).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn crates(metadata: &Metadata) -> Vec<Crate> {
    metadata
        .packages
        .iter()
        .map(|package| read_crate(metadata, package))
        .collect()
}

fn read_crate(metadata: &Metadata, package: &Package) -> Crate {
    let folder = |path: &Path| {
        let place = path.strip_prefix(&metadata.workspace_root).unwrap_or(path);
        place
            .strip_prefix("crates")
            .unwrap_or(place)
            .display()
            .to_string()
    };
    let needed = package
        .dependencies
        .iter()
        .filter(|needed| needed.kind.as_deref() != Some("dev"));
    let (inside, outside): (Vec<_>, Vec<_>) = needed.partition(|needed| needed.path.is_some());
    Crate {
        folder: package.manifest_path.parent().map(folder).unwrap_or_default(),
        inside: inside
            .iter()
            .filter_map(|needed| needed.path.as_deref())
            .map(folder)
            .collect(),
        outside: outside.iter().map(|needed| needed.name.clone()).collect(),
    }
}

/// Everything in which the table and the crates differ, in words.
fn violations(rows: &[Row], crates: &[Crate]) -> Vec<String> {
    [
        both_sides(rows, crates),
        bottom_up(rows),
        allowed_only(rows, crates),
        no_gpu(rows, crates),
    ]
    .concat()
}

/// Every crate has one row and every row has a crate.
fn both_sides(rows: &[Row], crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for Crate { folder, .. } in crates {
        match rows.iter().filter(|row| row.folder == *folder).count() {
            0 => found.push(format!(
                "crates/{folder} has no row: add `| crates/{folder} | .. | .. | .. |`"
            )),
            1 => {}
            count => found.push(format!("crates/{folder} has {count} rows: keep one")),
        }
    }
    for Row { folder, .. } in rows {
        if crates.iter().all(|one| one.folder != *folder) {
            found.push(format!(
                "crates/{folder} has a row but is no crate: remove the row"
            ));
        }
    }
    found
}

/// A row allows rows above it only, so no circle of dependencies can be allowed.
fn bottom_up(rows: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for name in &row.allowed {
            if !rows[..index].iter().any(|above| above.folder == *name) {
                found.push(format!(
                    "crates/{} may depend on {name}, which is no row above it",
                    row.folder
                ));
            }
        }
    }
    found
}

/// A crate depends on nothing in the workspace that its row does not allow.
fn allowed_only(rows: &[Row], crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for (row, one) in paired(rows, crates) {
        for name in one.inside.iter().filter(|name| !row.allowed.contains(name)) {
            let folder = &one.folder;
            found.push(format!(
                "crates/{folder} depends on {name}, which its row does not allow: turn the dependency round or change the row"
            ));
        }
    }
    found
}

/// A no-GPU crate names no GPU package and builds on no-GPU crates only.
fn no_gpu(rows: &[Row], crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for (row, one) in paired(rows, crates).filter(|(row, _)| row.no_gpu) {
        let is_gpu = |name: &&String| GPU_PACKAGES.iter().any(|gpu| name.starts_with(gpu));
        let has_gpu = |name: &&String| rows.iter().any(|row| row.folder == **name && !row.no_gpu);
        for name in one
            .outside
            .iter()
            .filter(is_gpu)
            .chain(one.inside.iter().filter(has_gpu))
        {
            found.push(format!(
                "crates/{} is marked \"no GPU\" but depends on {name}",
                row.folder
            ));
        }
    }
    found
}

fn paired<'a>(rows: &'a [Row], crates: &'a [Crate]) -> impl Iterator<Item = (&'a Row, &'a Crate)> {
    crates
        .iter()
        .filter_map(|one| Some((rows.iter().find(|row| row.folder == one.folder)?, one)))
}

mod rules {
    use super::*;

    const TABLE: &str = "\
| crates/log | the log | none | no GPU |
| crates/net | the net | log | |
| crates/app | the binary | all | |
";

    fn one(folder: &str, inside: &[&str], outside: &[&str]) -> Crate {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Crate {
            folder: folder.to_owned(),
            inside: owned(inside),
            outside: owned(outside),
        }
    }

    fn good() -> Vec<Crate> {
        vec![
            one("log", &[], &["serde"]),
            one("net", &["log"], &["burn"]),
            one("app", &["net", "log"], &["clap"]),
        ]
    }

    fn check(table: &str, crates: &[Crate]) -> Vec<String> {
        violations(
            &table::parse(table).expect("the table of this test is well formed"),
            crates,
        )
    }

    #[test]
    fn a_true_table_passes() {
        assert_eq!(check(TABLE, &good()), [""; 0]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let mut crates = good();
        crates.push(one("new", &["log"], &[]));
        assert_eq!(
            check(TABLE, &crates),
            ["crates/new has no row: add `| crates/new | .. | .. | .. |`"]
        );
    }

    #[test]
    fn a_row_without_a_crate_is_found() {
        let found = check(TABLE, &good()[..2]);
        assert_eq!(found, ["crates/app has a row but is no crate: remove the row"]);
    }

    #[test]
    fn a_crate_with_two_rows_is_found() {
        let twice = format!("{TABLE}| crates/log | again | none | no GPU |\n");
        assert_eq!(check(&twice, &good()), ["crates/log has 2 rows: keep one"]);
    }

    #[test]
    fn a_dependency_that_is_not_allowed_is_found() {
        let mut crates = good();
        crates[1] = one("net", &["log", "app"], &["burn"]);
        let found = check(TABLE, &crates);
        assert!(
            found.len() == 1 && found[0].starts_with("crates/net depends on app, which its row"),
            "{found:?}"
        );
    }

    #[test]
    fn a_row_that_allows_a_row_below_it_is_found() {
        let circle = TABLE.replace("| the log | none |", "| the log | net |");
        let found = check(&circle, &good());
        assert_eq!(found, ["crates/log may depend on net, which is no row above it"]);
    }

    #[test]
    fn a_gpu_package_under_a_no_gpu_crate_is_found() {
        let mut crates = good();
        crates[0] = one("log", &[], &["burn-flex"]);
        assert_eq!(
            check(TABLE, &crates),
            ["crates/log is marked \"no GPU\" but depends on burn-flex"]
        );
    }

    #[test]
    fn a_gpu_crate_under_a_no_gpu_crate_is_found() {
        let table = TABLE.replace("| the binary | all | |", "| the binary | all | no GPU |");
        assert_eq!(
            check(&table, &good()),
            ["crates/app is marked \"no GPU\" but depends on net"]
        );
    }
}
