// SPDX-License-Identifier: Apache-2.0
//! The container image: built and started, where there is an engine for containers.

use std::process::{Command, Output};

use postern_tests::program::skip;

use crate::root;

const IMAGE: &str = "postern-test:latest";

fn run(engine: &str, arguments: &[&str]) -> Option<Output> {
    Command::new(engine).args(arguments).current_dir(root()).output().ok()
}

/// An engine whose server answers: the client alone builds nothing.
fn engine() -> Option<&'static str> {
    ["docker", "podman"].into_iter().find(|engine| {
        let answer = run(engine, &["version", "--format", "{{.Server.Version}}"]);
        answer.is_some_and(|answer| answer.status.success())
    })
}

#[test]
fn the_image_is_built_and_its_program_starts_as_nobody_on_a_read_only_root() {
    let Some(engine) = engine() else {
        skip("chart::container", "no engine for containers runs here");
        return;
    };
    let build = ["build", "--file", "deploy/Containerfile", "--tag", IMAGE, "."];
    let built = run(engine, &build).expect("the engine runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let start =
        ["run", "--rm", "--read-only", "--cap-drop=ALL", "--network=none", IMAGE, "version"];
    let started = run(engine, &start).expect("the engine runs");
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    assert!(String::from_utf8_lossy(&started.stdout).contains(env!("CARGO_PKG_VERSION")));
}
