// SPDX-License-Identifier: Apache-2.0
//! `docs/ISOLATION.md` says which test holds which promise: every promise is there, and every test that it names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `area/file.rs` with the functions that are tests.
fn tests() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for area in ["isolation", "wire", "golden", "live", "chart"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(area);
        let files = fs::read_dir(folder).expect("the folder is there").filter_map(Result::ok);
        for file in
            files.map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "rs"))
        {
            let module =
                file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
            let text = fs::read_to_string(&file).expect("a source file can be read");
            let mut is_test = false;
            for line in text.lines() {
                let signature = line.trim_start_matches("async ").strip_prefix("fn ");
                if let (true, Some(signature)) = (is_test, signature) {
                    let name = signature.split('(').next().unwrap_or_default();
                    all.insert(format!("{area}::{module}::{name}"));
                }
                is_test = line.starts_with("#[tokio::test")
                    || line.starts_with("#[test]")
                    || is_test && line.starts_with("#[");
            }
        }
    }
    all
}

fn golden_files() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let areas = fs::read_dir(&root).expect("the folder is there").filter_map(Result::ok);
    let files = areas.filter_map(|area| fs::read_dir(area.path()).ok()).flatten();
    let files = files.filter_map(Result::ok).map(|entry| entry.path());
    files
        .filter_map(|file| Some(format!("golden/{}", file.strip_prefix(&root).ok()?.display())))
        .collect()
}

#[test]
fn every_test_that_the_promises_name_exists() {
    let text = read("../docs/ISOLATION.md");
    let (tests, golden) = (tests(), golden_files());
    let named: Vec<_> = text.split('`').skip(1).step_by(2).collect();
    let ours = ["isolation::", "wire::", "golden::", "live::", "chart::"];
    let elsewhere = |name: &str| {
        let Some((file, test)) = name.split_once(".rs::") else { return true };
        read(&format!("../{file}.rs")).contains(&format!("fn {test}("))
    };
    let missing: Vec<_> = named
        .iter()
        .filter(|name| {
            name.starts_with("crates/") && !elsewhere(name)
                || ours.iter().any(|area| name.starts_with(area)) && !tests.contains(**name)
                || name.starts_with("golden/")
                    && name.ends_with(".yaml")
                    && !golden.contains(**name)
        })
        .collect();
    assert!(missing.is_empty(), "docs/ISOLATION.md names tests that do not exist: {missing:#?}");
    assert!(named.len() > 50, "docs/ISOLATION.md names hardly any test");
}

#[test]
fn every_promise_has_its_row() {
    let text = read("../docs/ISOLATION.md");
    for number in 1..=24 {
        assert!(text.contains(&format!("| I{number} |")), "I{number} is missing");
    }
}
