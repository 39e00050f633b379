// SPDX-License-Identifier: Apache-2.0
//! The documented keys of `values.yaml`: `# -- TEXT` above a key, more lines of text after it.

use std::fs;

use crate::chart;

/// One documented key.
#[derive(Debug, PartialEq)]
pub(crate) struct Key {
    /// Its path: `ports.web.port`.
    pub(crate) path: String,
    /// Its default, on one line; empty for a map that stands below the key.
    pub(crate) default: String,
    /// What it is.
    pub(crate) text: String,
}

/// All of the chart's.
pub(crate) fn of_the_chart() -> Vec<Key> {
    parse(&fs::read_to_string(chart().join("values.yaml")).expect("the chart has values"))
}

pub(crate) fn parse(values: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut text: Option<String> = None;
    for line in values.lines() {
        let bare = line.trim_start();
        let depth = line.len() - bare.len();
        if let Some(comment) = bare.strip_prefix('#') {
            match (comment.trim_start().strip_prefix("-- "), &mut text) {
                (Some(begun), _) => text = Some(begun.to_owned()),
                (None, Some(text)) => *text = format!("{text} {}", comment.trim()),
                (None, None) => {}
            }
            continue;
        }
        let Some((name, default)) = bare.split_once(':').filter(|(name, _)| is_name(name)) else {
            continue;
        };
        path.retain(|(above, _)| *above < depth);
        path.push((depth, name));
        if let Some(text) = text.take() {
            let names: Vec<_> = path.iter().map(|(_, name)| *name).collect();
            keys.push(Key { path: names.join("."), default: default.trim().to_owned(), text });
        }
    }
    keys
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric())
}

#[test]
fn a_key_has_its_path_its_default_and_all_lines_of_its_text() {
    let values = "# intro\na:\n  # -- What it is,\n  # and more\n  b: 1\n  c:\n    # -- Third\n    d: []\n# -- Map\ne:\n  f: 2\n";
    let key = |path: &str, default: &str, text: &str| Key {
        path: path.to_owned(),
        default: default.to_owned(),
        text: text.to_owned(),
    };
    let expected =
        [key("a.b", "1", "What it is, and more"), key("a.c.d", "[]", "Third"), key("e", "", "Map")];
    assert_eq!(parse(values), expected);
}

#[test]
fn there_are_at_most_150_keys_and_each_is_documented_once() {
    let keys = of_the_chart();
    assert!((60..=150).contains(&keys.len()), "{} keys", keys.len());
    let mut paths: Vec<_> = keys.iter().map(|key| key.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), keys.len());
}

#[test]
fn every_value_is_documented_by_itself_or_with_its_map() {
    let values = fs::read_to_string(chart().join("values.yaml")).expect("the chart has values");
    let value: serde_json::Value = serde_saphyr::from_str(&values).expect("they are YAML");
    let documented: Vec<_> = of_the_chart().into_iter().map(|key| key.path).collect();
    let mut open = vec![(String::new(), &value)];
    while let Some((path, value)) = open.pop() {
        if documented.contains(&path) {
            continue;
        }
        match value.as_object().filter(|map| !map.is_empty()) {
            Some(map) => open.extend(map.iter().map(|(name, value)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                (path, value)
            })),
            None => panic!("{path} has no `# --` above it"),
        }
    }
}
