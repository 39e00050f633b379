// SPDX-License-Identifier: Apache-2.0
//! Rules about source files: their size, their name, how they begin, and who may name `World`.
//! The size of functions is clippy's part (`too_many_lines`).

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Violation;
use crate::workspace::files;

const MOST_LINES: usize = 500;
const LICENCE: &str = "// SPDX-License-Identifier: Apache-2.0";
/// Names that say nothing about what a file holds.
const VAGUE: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

/// Checks every Rust file of ours.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for folder in ["crates", "xtask", "bench", "tests", "fuzz"] {
        for file in files(&root.join(folder), "rs")? {
            let text = fs::read_to_string(&file)?;
            let inside = file.strip_prefix(root).unwrap_or(&file);
            broken.extend(judge(&file, inside, &text));
        }
    }
    Ok(broken)
}

fn judge(file: &Path, inside: &Path, text: &str) -> Vec<Violation> {
    let mut broken = Vec::new();
    let mut say =
        |line, what: String, remedy| broken.push(Violation::new(file, line, what, remedy));
    let count = text.lines().count();
    if count > MOST_LINES {
        let what = format!("the file has {count} lines, more than {MOST_LINES}");
        say(count, what, "ask which noun is hiding in it and give that a file of its own");
    }
    if text.lines().next() != Some(LICENCE) {
        let what = format!("the first line is not `{LICENCE}`");
        say(1, what, "begin the file with it");
    }
    let stem = inside.file_stem().unwrap_or_default().to_string_lossy();
    if stem != "tests" && !text.lines().take(4).any(|line| line.starts_with("//!")) {
        let what = "no `//!` in the first lines says what the module is".to_owned();
        say(2, what, "write two to five lines: what it is, what it leaves to others");
    }
    if VAGUE.contains(&stem.as_ref()) {
        let what = format!("`{stem}` says nothing about what the file holds");
        say(1, what, "name it after its main type or its one verb");
    }
    if let Some((line, what)) = world(inside, text) {
        let remedy = "take a `TenantView`: only lib.rs and ledger.rs may see two tenants (wall W3)";
        say(line, what, remedy);
    }
    broken
}

/// The first place in `compile`, outside the two files that may, where the whole world is named.
fn world(inside: &Path, text: &str) -> Option<(usize, String)> {
    let name = inside.strip_prefix("crates/compile/src").ok()?;
    let own_tests = name
        .components()
        .any(|part| Path::new(&part).file_stem().is_some_and(|stem| stem == "tests"));
    if own_tests || name == Path::new("lib.rs") || name == Path::new("ledger.rs") {
        return None;
    }
    let lines: Vec<_> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod ")
    });
    let shipped = &lines[..tests.unwrap_or(lines.len())];
    shipped.iter().enumerate().find_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let word = if words(code).any(|word| word == "World") {
            "`World`"
        } else if code.contains("postern_model::*") || code.contains("world::*") {
            "everything of the model, `World` with it,"
        } else {
            return None;
        };
        Some((number + 1, format!("{word} is named here")))
    })
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "// SPDX-License-Identifier: Apache-2.0\n//! What it is.\n";

    fn lines(inside: &str, text: &str) -> Vec<usize> {
        judge(Path::new(inside), Path::new(inside), text).into_iter().map(|v| v.line).collect()
    }

    #[test]
    fn a_file_of_500_lines_passes_and_one_more_does_not() {
        let text = |count: usize| format!("{HEAD}{}", "\n".repeat(count - 2));
        assert_eq!(lines("crates/serve/src/a.rs", &text(500)), []);
        assert_eq!(lines("crates/serve/src/a.rs", &text(501)), [501]);
    }

    #[test]
    fn a_file_begins_with_its_licence_and_says_what_it_is() {
        assert_eq!(lines("xtask/src/a.rs", "//! What it is.\n"), [1]);
        assert_eq!(
            lines("xtask/src/a.rs", "// SPDX-License-Identifier: Apache-2.0\nfn a() {}\n"),
            [2]
        );
        assert_eq!(lines("xtask/src/a/tests.rs", "// SPDX-License-Identifier: Apache-2.0\n"), []);
    }

    #[test]
    fn only_two_files_of_compile_name_the_world() {
        let text = format!("{HEAD}/// Not the World.\nuse postern_model::World;\n");
        assert_eq!(lines("crates/compile/src/route.rs", &text), [4]);
        assert_eq!(lines("crates/compile/src/ledger/settle.rs", &text), [4]);
        for allowed in [
            "compile/src/lib.rs",
            "compile/src/ledger.rs",
            "compile/src/route/tests.rs",
            "source/src/a.rs",
        ] {
            assert_eq!(lines(&format!("crates/{allowed}"), &text), [], "{allowed}");
        }
        let glob = format!("{HEAD}use postern_model::*;\n");
        assert_eq!(lines("crates/compile/src/route.rs", &glob), [3]);
        let tests =
            format!("{HEAD}\n#[cfg(test)]\nmod tests {{\n    use postern_model::World;\n}}\n");
        assert_eq!(lines("crates/compile/src/route.rs", &tests), []);
    }

    #[test]
    fn vague_names_are_refused() {
        assert_eq!(lines("crates/serve/src/utils.rs", HEAD), [1]);
    }
}
