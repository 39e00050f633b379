// SPDX-License-Identifier: Apache-2.0
//! Tables in documents that follow from code: the chart's values, and what each reason of a finding means.

use std::fs;

use crate::{chart, is_writing, keys, root};

const BEGIN: &str = "<!-- values: `cargo xtask golden` writes this table -->\n";
const END: &str = "<!-- end of values -->";

#[test]
fn the_readme_lists_the_values_as_they_are() {
    let file = chart().join("README.md");
    let text = fs::read_to_string(&file).expect("the chart has a README");
    let (before, rest) = text.split_once(BEGIN).expect("the README has a place for the table");
    let (table, after) = rest.split_once(END).expect("the table's place ends");
    let expected = values_table();
    if is_writing() {
        fs::write(&file, format!("{before}{BEGIN}{expected}{END}{after}"))
            .expect("it can be written");
    } else {
        assert!(
            table == expected,
            "`cargo xtask golden` rewrites the table; it should be\n{expected}"
        );
    }
}

fn values_table() -> String {
    let mut table = "\n| key | default | what it is |\n|---|---|---|\n".to_owned();
    for key in keys::of_the_chart() {
        let default = if key.default.is_empty() { "see values.yaml" } else { &key.default };
        let text = key.text.replace('|', "\\|");
        table.push_str(
            &format!("| `{}` | `{default}` | {text} |\n", key.path)
                .replace("`see values.yaml`", "see values.yaml"),
        );
    }
    table.push('\n');
    table
}

/// The variants of `Reason`, from its source: they are words that users see, and no list of them exists at run time.
fn reasons() -> Vec<String> {
    let source =
        fs::read_to_string(root().join("crates/model/src/finding.rs")).expect("it is there");
    let (_, rest) = source.split_once("pub enum Reason {").expect("the enum is there");
    let (body, _) = rest.split_once("\n}").expect("it ends");
    let lines = body.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.filter_map(|line| line.strip_suffix(',')).map(str::to_owned).collect()
}

#[test]
fn troubleshooting_has_a_row_for_every_reason() {
    let page =
        fs::read_to_string(root().join("docs/user/troubleshooting.md")).expect("the page is there");
    let reasons = reasons();
    assert!(reasons.len() > 20, "{reasons:?}");
    for reason in &reasons {
        assert!(
            page.contains(&format!("| `{reason}` |")),
            "docs/user/troubleshooting.md has no row for {reason}"
        );
    }
    for row in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let word = row.split('`').next().unwrap_or_default();
        assert!(reasons.iter().any(|reason| reason == word), "{word} is no reason");
    }
}
