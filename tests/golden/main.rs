// SPDX-License-Identifier: Apache-2.0
//! Golden files: Kubernetes YAML above, what is served and said below, in one file.
//!
//! `golden/AREA/CASE.yaml` is read as the only file of a folder.  Its first comment says what it shows; `# Settings:`
//! changes the install configuration, `# Requests:` asks the result for routes, `# Then` begins a second change of the
//! same folder (objects of the same name are replaced), `# Then without Kind namespace/name, …` takes objects away, and
//! after `# Result` stands what came out.  The time is always the first of June 2026.  `"{{certificate NAME}}"` stands
//! for the data of a Secret with `golden/certificates/NAME.pem`.
//!
//! `cargo xtask golden` rewrites the results.

mod case;
mod certificates;
mod rendered;
mod user_pages;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::case::Case;
use crate::certificates::Certificates;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn files() -> Vec<PathBuf> {
    let areas = fs::read_dir(root()).expect("the golden folder is there");
    let areas = areas.filter_map(Result::ok).map(|entry| entry.path()).filter(|p| p.is_dir());
    let files = areas.filter_map(|area| fs::read_dir(area).ok()).flatten();
    let files = files.filter_map(Result::ok).map(|entry| entry.path());
    let mut files: Vec<_> =
        files.filter(|p| p.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn every_result_is_what_its_file_says() {
    let is_writing = env::var("POSTERN_GOLDEN").is_ok_and(|mode| mode == "write");
    let certificates = Certificates::read(&root().join("certificates"));
    let mut wrong = Vec::new();
    let files = files();
    assert!(files.len() > 50, "the golden files are not where they should be");
    for file in files {
        let text = fs::read_to_string(&file).expect("a golden file can be read");
        let case = Case::parse(&text);
        let result = case.run(&certificates);
        if is_writing {
            fs::write(&file, case.with_result(&result)).expect("a golden file can be written");
        } else if case.result != result {
            let name = file.strip_prefix(root()).unwrap_or(&file).display();
            wrong.push(format!("{name}:\n{}", difference(&case.result, &result)));
        }
    }
    assert!(wrong.is_empty(), "{}\n\n`cargo xtask golden` rewrites them", wrong.join("\n"));
}

/// The lines that are in one text only.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let after = expected.iter().rev().zip(found.iter().rev()).take_while(|(a, b)| a == b).count();
    let after = after.min(expected.len().min(found.len()) - same);
    let mut out = String::new();
    for line in &expected[same..expected.len() - after] {
        out.push_str(&format!("  - {line}\n"));
    }
    for line in &found[same..found.len() - after] {
        out.push_str(&format!("  + {line}\n"));
    }
    out
}
