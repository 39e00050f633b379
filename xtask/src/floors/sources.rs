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
    broken.extend(worlds(root)?);
    Ok(broken)
}

/// Files of `compile`, outside the two that may and outside tests, which name the whole world.
fn worlds(root: &Path) -> Result<Vec<Violation>> {
    let folder = root.join("crates/compile/src");
    let mut texts = Vec::new();
    for file in files(&folder, "rs")? {
        texts.push((file.clone(), fs::read_to_string(&file)?));
    }
    let mut tests: Vec<String> = texts.iter().flat_map(|(_, text)| test_modules(text)).collect();
    tests.push("tests".to_owned());
    let mut broken = Vec::new();
    for (file, text) in &texts {
        let inside = file.strip_prefix(&folder).unwrap_or(file);
        if let Some((line, what)) = world(inside, text, &tests) {
            let remedy =
                "take a `TenantView`: only lib.rs and ledger.rs may see two tenants (wall W3)";
            broken.push(Violation::new(file, line, what, remedy));
        }
    }
    Ok(broken)
}

/// The modules that a file declares for tests only: `#[cfg(test)]`, then `mod name;`.
fn test_modules(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
    let names = pairs.filter_map(|pair| {
        let name = words(pair[1].strip_suffix(';')?).last()?;
        pair[1].contains("mod ").then(|| name.to_owned())
    });
    names.collect()
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
    broken
}

/// The first place where the whole world is named by a file that must not.
fn world(inside: &Path, text: &str, test_modules: &[String]) -> Option<(usize, String)> {
    let for_tests = inside.components().any(|part| {
        let stem = Path::new(&part).file_stem().unwrap_or_default().to_string_lossy();
        test_modules.iter().any(|module| *module == stem)
    });
    if for_tests || inside == Path::new("lib.rs") || inside == Path::new("ledger.rs") {
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
        let modules =
            test_modules("#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod play;\n");
        assert_eq!(modules, ["tests", "play"]);
        let line = |inside, text: &str| world(Path::new(inside), text, &modules).map(|(l, _)| l);
        let text = format!("{HEAD}/// Not the World.\nuse postern_model::World;\n");
        assert_eq!(line("route.rs", &text), Some(4));
        assert_eq!(line("ledger/settle.rs", &text), Some(4));
        for allowed in ["lib.rs", "ledger.rs", "route/tests.rs", "tests/route.rs", "play.rs"] {
            assert_eq!(line(allowed, &text), None, "{allowed}");
        }
        let glob = format!("{HEAD}use postern_model::*;\n");
        assert_eq!(line("route.rs", &glob), Some(3));
        let tests =
            format!("{HEAD}\n#[cfg(test)]\nmod tests {{\n    use postern_model::World;\n}}\n");
        assert_eq!(line("route.rs", &tests), None);
    }

    #[test]
    fn vague_names_are_refused() {
        assert_eq!(lines("crates/serve/src/utils.rs", HEAD), [1]);
    }
}
