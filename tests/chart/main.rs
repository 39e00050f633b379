// SPDX-License-Identifier: Apache-2.0
//! The Helm chart, without a cluster: what it renders for each `golden/helm/CASE/values.yaml`, what it refuses, and
//! that its documents say what its values are.
//!
//! `cargo xtask golden` rewrites `golden/helm/CASE/rendered.yaml` and the table in the chart's README.

mod container;
mod helm;
mod keys;
mod matrix;
mod rights;
mod tables;

use std::env;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn chart() -> PathBuf {
    root().join("deploy/charts/postern")
}

/// The folders of the cases, sorted.
fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/helm");
    let entries = std::fs::read_dir(folder).expect("the cases are there");
    let mut cases: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    cases.sort();
    assert!(cases.len() > 5, "the cases are not where they should be");
    cases
}

fn is_writing() -> bool {
    env::var("POSTERN_GOLDEN").is_ok_and(|mode| mode == "write")
}
