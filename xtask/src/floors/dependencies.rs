// SPDX-License-Identifier: Apache-2.0
//! Arrows between crates point down, and a crate does without what its row of ARCHITECTURE.md forbids.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;

/// One crate: its floor, what of ours it may use, and what of others it must not.
struct Row {
    name: &'static str,
    floor: u8,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

const ALL: &[&str] = &["model", "api", "snapshot", "source", "status", "compile", "serve", "audit"];

/// The table of ARCHITECTURE.md.  `kube` stands for every crate whose name begins so.
const ROWS: &[Row] = &[
    Row { name: "model", floor: 1, ours: &[], never: &["tokio", "kube", "k8s-openapi", "rustls"] },
    Row { name: "api", floor: 1, ours: &[], never: &["tokio", "rustls", "hyper"] },
    Row {
        name: "snapshot",
        floor: 2,
        ours: &["model"],
        never: &["tokio", "kube", "k8s-openapi", "hyper"],
    },
    Row { name: "source", floor: 2, ours: &["api", "model"], never: &[] },
    Row { name: "status", floor: 2, ours: &["api", "model"], never: &[] },
    Row {
        name: "compile",
        floor: 3,
        ours: &["model", "snapshot"],
        never: &["tokio", "kube", "k8s-openapi", "hyper", "rustix", "socket2"],
    },
    Row {
        name: "serve",
        floor: 3,
        ours: &["model", "snapshot"],
        never: &["kube", "k8s-openapi", "serde-saphyr"],
    },
    // The ledger of `compile` is all that may be used from the same floor.
    Row {
        name: "audit",
        floor: 3,
        ours: &["model", "compile"],
        never: &["tokio", "kube", "k8s-openapi"],
    },
    Row { name: "postern", floor: 4, ours: ALL, never: &[] },
];

const REMEDY: &str = "move the code to the floor of what it knows, or change the table in ARCHITECTURE.md with an ADR";

/// Checks the manifest of every crate.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    let mut folders: Vec<_> = fs::read_dir(root.join("crates"))?.collect::<Result<Vec<_>, _>>()?;
    folders.sort_by_key(fs::DirEntry::file_name);
    for folder in folders {
        let manifest = folder.path().join("Cargo.toml");
        let name = folder.file_name();
        let name = name.to_string_lossy();
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("{} cannot be read", manifest.display()))?;
        match ROWS.iter().find(|row| row.name == name) {
            Some(row) => broken.extend(judge(row, &manifest, &text)),
            None => broken.push(Violation::new(
                &manifest,
                1,
                format!("the crate `{name}` stands on no floor"),
                "give it a row in xtask/src/floors/dependencies.rs and in ARCHITECTURE.md",
            )),
        }
    }
    Ok(broken)
}

fn judge(row: &Row, manifest: &Path, text: &str) -> Vec<Violation> {
    let violation = |(line, what)| Violation::new(manifest, line, what, REMEDY);
    let complaint = |(line, used): (usize, &str)| Some((line, complaint(row, used)?));
    dependencies(text).filter_map(complaint).map(violation).collect()
}

fn complaint(row: &Row, used: &str) -> Option<String> {
    let Row { name, floor, ours, never } = row;
    if let Some(our) = used.strip_prefix("postern-") {
        return (!ours.contains(&our)).then(|| {
            let may = if ours.is_empty() { "none of ours".to_owned() } else { ours.join(", ") };
            format!(
                "`{name}` on floor {floor} uses `{our}`, but arrows point down and it may use only: {may}"
            )
        });
    }
    let forbidden = never
        .iter()
        .any(|word| used == *word || used.strip_prefix(word).is_some_and(|r| r.starts_with('-')));
    forbidden.then(|| format!("`{name}` must never use `{used}`"))
}

/// The dependencies of what ships, with their lines; tests may use what they need.
fn dependencies(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut section = "";
    text.lines().enumerate().filter_map(move |(number, line)| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            let (kind, name) = section.rsplit_once('.')?;
            return ships(kind).then_some((number + 1, name));
        }
        if !ships(section) || line.starts_with('#') {
            return None;
        }
        let name = line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty())?;
        Some((number + 1, name.trim_matches('"')))
    })
}

fn ships(section: &str) -> bool {
    let kind = section.rsplit('.').next().unwrap_or(section);
    matches!(kind, "dependencies" | "build-dependencies")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(name: &str, text: &str) -> Vec<(usize, String)> {
        let row = ROWS.iter().find(|row| row.name == name).unwrap();
        judge(row, Path::new("x"), text).into_iter().map(|v| (v.line, v.what)).collect()
    }

    #[test]
    fn an_arrow_that_points_up_is_refused() {
        let text = "[package]\nname = \"x\"\n[dependencies]\npostern-compile.workspace = true\n";
        let found = complaints("snapshot", text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 4);
        assert!(found[0].1.contains("uses `compile`"));
        assert_eq!(complaints("postern", text), []);
    }

    #[test]
    fn a_forbidden_crate_is_refused_in_every_spelling() {
        for text in [
            "[dependencies]\ntokio = \"1\"",
            "[dependencies]\ntokio.workspace = true",
            "[dependencies.tokio]\nversion = \"1\"",
            "[target.'cfg(unix)'.dependencies]\ntokio-util = \"1\"",
            "[build-dependencies]\ntokio = \"1\"",
            "[target.x.dependencies.kube-client]\nversion = \"1\"",
        ] {
            assert_eq!(complaints("compile", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn tests_may_use_what_they_need() {
        assert_eq!(
            complaints("compile", "[dev-dependencies]\ntokio = \"1\"\n[features]\nx = []"),
            []
        );
    }
}
