//! The Python that the baselines run in.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::process;

/// Imports rather than looks up: a package that is installed and does not load is of no use.
const PROBE: &str = "
import importlib, json, platform
def version(name):
    try:
        return str(importlib.import_module(name).__version__)
    except Exception:
        return None
names = ('torch', 'tokenizers')
print(json.dumps({'python': platform.python_version(), **{name: version(name) for name in names}}))
";

/// An interpreter and the packages that it has.
pub struct Python {
    program: PathBuf,
    pub versions: Versions,
}

/// Versions; `None` for what is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    pub python: Option<String>,
    pub torch: Option<String>,
    pub tokenizers: Option<String>,
}

impl Python {
    /// Asks `program` for its packages.
    pub fn probe(program: &Path) -> Self {
        let output = process::output(Command::new(program).args(["-c", PROBE]));
        let versions = output.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            program: program.to_owned(),
            versions: versions.unwrap_or_default(),
        }
    }

    /// The interpreter, to run `script`.
    pub fn command(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(script);
        command
    }

    /// What to do about a missing package.
    pub fn advice(&self, package: &str) -> String {
        let program = self.program.display();
        format!(
            "`{program}` has no {package} that can be imported: `{program} -m pip install -r bench/pytorch/requirements.txt` makes it, or name another interpreter with --python"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_python_has_no_packages() {
        let python = Python::probe(Path::new("no-such-program-here"));
        assert_eq!(python.versions, Versions::default());
        assert!(
            python
                .advice("torch")
                .contains("`no-such-program-here -m pip install -r bench/pytorch/requirements.txt`")
        );
    }

    #[test]
    fn the_probes_answer_is_read() {
        let text = r#"{"python": "3.12.1", "torch": null, "tokenizers": "0.23.3"}"#;
        let versions: Versions = serde_json::from_str(text).unwrap();
        assert_eq!(versions.torch, None);
        assert_eq!(versions.tokenizers.as_deref(), Some("0.23.3"));
    }
}
