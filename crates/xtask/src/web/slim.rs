//! Scripts without what only their readers need: whole lines of comment, indentation, empty lines.
//!
//! Line by line, so it holds for scripts in which no string goes over several lines and none begins a line with `//`
//! or `/*`; a test holds the page's own scripts to that.

/// A script without comments that stand on lines of their own, and without indentation.
pub fn script(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut slim = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        let begins = !in_comment && line.starts_with("/*");
        let ends = (begins || in_comment) && line.contains("*/");
        let rest = if ends {
            line.split_once("*/").map_or("", |(_, rest)| rest.trim())
        } else {
            line
        };
        let is_code = ends || !(begins || in_comment || line.starts_with("//"));
        in_comment = (begins || in_comment) && !ends;
        if is_code && !rest.is_empty() {
            slim.push_str(rest);
            slim.push('\n');
        }
    }
    slim.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slim(text: &str) -> String {
        String::from_utf8(script(text.as_bytes())).unwrap()
    }

    #[test]
    fn comments_and_indentation_go_and_code_stays() {
        let text = "// @ts-check\n\n/** Adds. @param {number} a */\nfunction add(a) {\n  // one\n  return a + 1; // two\n}\n";
        assert_eq!(slim(text), "function add(a) {\nreturn a + 1; // two\n}\n");
        assert_eq!(slim("/**\n * Long.\n */\nrun();\n"), "run();\n");
        assert_eq!(slim("/** @type {number} */ let a = 1;\n"), "let a = 1;\n");
        assert_eq!(slim("a = b\n/c/.test(d)\n"), "a = b\n/c/.test(d)\n");
    }

    #[test]
    fn no_script_of_the_page_has_a_string_over_several_lines() {
        let app = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/app");
        let files = super::super::assemble::read_folder(&app).unwrap();
        let scripts = files.iter().filter(|(name, _)| name.ends_with(".js"));
        for (name, bytes) in scripts {
            let code = String::from_utf8(script(bytes)).unwrap();
            for line in code.lines() {
                assert_eq!(line.matches('`').count() % 2, 0, "{name}: {line}");
            }
        }
    }
}
