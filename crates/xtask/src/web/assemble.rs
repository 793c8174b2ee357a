//! Lays the files of the page out: some by name, the rest in a folder named by the digest of its content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Error, records, slim};

/// A page or a folder of it: names with `/` between folders, and bytes. In order, so that the digest is one.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a browser asks for by name. They name the folder of the rest and must not be kept without asking.
const BY_NAME: &[&str] = &["index.html", "sw.js"];

/// In [`BY_NAME`]: the folder with the rest.
const FOLDER_MARK: &str = "app/";

/// In `sw.js`: what makes the page.
const FILES_MARK: &str = "[/* files */]";

/// The leaderboard of a checkout without records.
const NO_RECORDS: &[u8] = b"{}\n";

/// Makes the page in `out` from `web/` and the compiled modules in `modules`.
pub fn assemble(root: &Path, modules: &Path, out: &Path) -> Result<(), Error> {
    let mut app = read_folder(&root.join("web/app"))?;
    for (name, bytes) in &mut app {
        if name.ends_with(".js") {
            *bytes = slim::script(bytes);
        }
    }
    app.extend(read_folder(modules)?);
    let folder = format!("app-{}/", digest(&app));
    let app: Files = app
        .into_iter()
        .map(|(name, bytes)| (format!("{folder}{name}"), bytes))
        .collect();
    let mut page = Files::new();
    for name in BY_NAME {
        page.insert(
            (*name).to_owned(),
            by_name(&root.join("web").join(name), &folder, &app)?,
        );
    }
    page.insert("leaderboard.json".to_owned(), leaderboard(root)?);
    let logs = records::logs(root)?;
    page.insert("records.json".to_owned(), records::index(logs.keys()));
    page.extend(logs);
    page.extend(app);
    replace(out, &page)
}

/// The names of all files in `folder`, in order.
pub fn files(folder: &Path) -> Result<Vec<String>, Error> {
    Ok(read_folder(folder)?.into_keys().collect())
}

pub fn read_folder(folder: &Path) -> Result<Files, Error> {
    let mut files = Files::new();
    let mut left = vec![(folder.to_owned(), String::new())];
    while let Some((place, prefix)) = left.pop() {
        for entry in fs::read_dir(&place).map_err(Error::file(&place))? {
            let path = entry.map_err(Error::file(&place))?.path();
            let last = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{prefix}{last}");
            if path.is_dir() {
                left.push((path, format!("{name}/")));
            } else {
                files.insert(name, fs::read(&path).map_err(Error::file(&path))?);
            }
        }
    }
    Ok(files)
}

/// Twelve hex digits that change when any name or byte does.
fn digest(files: &Files) -> String {
    let mut hasher = Sha256::new();
    for (name, bytes) in files {
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    format!("{:x}", hasher.finalize())[..12].to_owned()
}

/// A file of [`BY_NAME`] with the marks filled in.
fn by_name(path: &Path, folder: &str, app: &Files) -> Result<Vec<u8>, Error> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    let text = text.replace(FOLDER_MARK, folder);
    let missing = named_files(&text, folder).find(|name| !app.contains_key(*name));
    if let Some(name) = missing {
        return Err(Error::UnknownName {
            file: path.to_owned(),
            name: name.replacen(folder, FOLDER_MARK, 1),
        });
    }
    let names: Vec<&String> = app.keys().collect();
    let list = serde_json::to_string(&names).unwrap_or_default();
    Ok(text.replace(FILES_MARK, &list).into_bytes())
}

/// What `text` names of `folder`, in quotes.
fn named_files<'a>(text: &'a str, folder: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(['"', '\''])
        .map(|word| word.strip_prefix("./").unwrap_or(word))
        .filter(move |word| word.starts_with(folder) && word.len() > folder.len())
}

fn leaderboard(root: &Path) -> Result<Vec<u8>, Error> {
    let path = root.join("leaderboard.json");
    match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(NO_RECORDS.to_vec()),
        other => other.map_err(Error::file(&path)),
    }
}

/// Puts `page` where an earlier page or nothing stood.
fn replace(out: &Path, page: &Files) -> Result<(), Error> {
    let is_page = out.join("index.html").exists() && out.join("sw.js").exists();
    let is_empty = fs::read_dir(out)
        .map(|mut entries| entries.next().is_none())
        .unwrap_or(true);
    if !is_page && !is_empty {
        return Err(Error::NotOurs { path: out.to_owned() });
    }
    if is_page {
        fs::remove_dir_all(out).map_err(Error::file(out))?;
    }
    for (name, bytes) in page {
        let path = out.join(name);
        let folder = path.parent().unwrap_or(out);
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
        fs::write(&path, bytes).map_err(Error::file(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A checkout with a small page and one module.
    fn checkout(index: &str) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("web/index.html", index),
            ("web/sw.js", "const FILES = [/* files */];"),
            ("web/app/main.js", "// runs\nrun();"),
            ("web/app/css/page.css", "a{}"),
            ("modules/replay_bg.wasm", "wasm"),
            ("records/dash/a/runs/1.jsonl.zst", "log"),
            ("records/dash/a/README.md", "# a"),
        ] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn build(root: &Path) -> Result<Vec<String>, Error> {
        let out = root.join("dist");
        assemble(root, &root.join("modules"), &out)?;
        files(&out)
    }

    const INDEX: &str = r#"<script type="module" src="app/main.js"></script>"#;

    #[test]
    fn everything_lies_in_a_folder_named_by_its_content() {
        let root = checkout(INDEX);
        let names = build(root.path()).unwrap();
        let folder = names[0].split('/').next().unwrap();
        assert!(folder.len() == 16 && folder.starts_with("app-"), "{names:?}");
        let index = fs::read_to_string(root.path().join("dist/index.html")).unwrap();
        assert_eq!(index, INDEX.replace("app/", &format!("{folder}/")));
        let worker = fs::read_to_string(root.path().join("dist/sw.js")).unwrap();
        assert!(worker.contains(&format!("\"{folder}/css/page.css\"")), "{worker}");
        let script = fs::read_to_string(root.path().join(format!("dist/{folder}/main.js"))).unwrap();
        assert_eq!(script, "run();\n", "without comments");
        assert!(names.contains(&"leaderboard.json".to_owned()));
        assert!(
            names.contains(&"records/dash/a/runs/1.jsonl.zst".to_owned()),
            "{names:?}"
        );
        assert!(!names.iter().any(|name| name.ends_with("README.md")), "{names:?}");

        fs::write(root.path().join("web/app/main.js"), "walk();").unwrap();
        let after = build(root.path()).unwrap();
        assert_eq!(after.len(), names.len(), "the old folder is gone");
        assert_ne!(after[0], names[0]);
    }

    #[test]
    fn a_name_that_is_no_file_is_found() {
        let root = checkout(r#"<script src="app/mian.js"></script>"#);
        let error = build(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("names `app/mian.js`, which is no file of web/"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_is_no_page_is_left_alone() {
        let root = checkout(INDEX);
        fs::create_dir(root.path().join("dist")).unwrap();
        fs::write(root.path().join("dist/thesis.tex"), "years").unwrap();
        assert!(matches!(build(root.path()), Err(Error::NotOurs { .. })));
        assert!(root.path().join("dist/thesis.tex").exists());
    }
}
