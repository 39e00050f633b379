// SPDX-License-Identifier: Apache-2.0
//! The one test command: every check that a change must pass, in the order that fails soonest.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::step::{self, Tally};
use crate::workspace::cargo;
use crate::{cluster, floors, programs, readme};

/// A test that cannot run here (a program is missing) appends its name and the reason, one line, to the file that this
/// variable names, and passes; so it is listed as skipped and not as passed in silence.
const SKIPS: &str = "POSTERN_TEST_SKIPS";

/// Runs the steps; true when none failed.
pub(crate) fn run(quick: bool) -> Result<bool> {
    let mut tally = Tally::default();
    tally.step("format", || step::run(cargo().args(["fmt", "--all", "--check"])));
    tally.step("floors", floors::step);
    if quick {
        tally.step("unit tests", || {
            step::run_tests(cargo().args(["test", "--workspace", "--lib", "--bins"]))
        });
        for name in
            ["clippy", "doctests", "golden, isolation and wire tests", "README examples", "cluster"]
        {
            tally.skip(name, "--quick");
        }
        return Ok(tally.finish());
    }
    tally.step("clippy", || step::run(&mut clippy()));
    for program in missing_programs() {
        println!("{} is not installed; each test that needs it is listed below", program.name);
    }
    let programs = cluster::programs_step(&mut tally);
    tests(&mut tally, programs.as_ref());
    tally.step("build of postern", || step::run(cargo().args(["build", "--package", "postern"])));
    tally.step("README examples", readme::step);
    if let Some(programs) = &programs {
        tally.step("cluster", || cluster::step(programs));
    }
    Ok(tally.finish())
}

/// The programs that tests need and that cannot be installed here.
fn missing_programs() -> Vec<programs::Program> {
    let mut missing = programs::ensure(programs::TEST);
    // By themselves: a registry without them must not cost the tests of the others.
    if !programs::has_docker() {
        missing.extend(programs::ensure(programs::ENGINE));
    }
    missing
}

fn clippy() -> Command {
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    command
}

fn tests(tally: &mut Tally, programs: Option<&cluster::Programs>) {
    let skips = env::temp_dir().join(format!("postern-skips-{}", std::process::id()));
    tally.step("tests", || {
        let mut command = cargo();
        command.args(["test", "--workspace", "--no-fail-fast", "--all-targets"]);
        if let Some(programs) = programs {
            command.env("PATH", programs.search_path());
        }
        step::run_tests(command.env(SKIPS, &skips))
    });
    tally.step("doctests", || {
        step::run_tests(cargo().args(["test", "--workspace", "--no-fail-fast", "--doc"]))
    });
    for line in fs::read_to_string(&skips).unwrap_or_default().lines() {
        let (name, reason) = line.split_once(": ").unwrap_or((line, "not possible here"));
        tally.skip(name, reason);
    }
    // Only when there was one: most runs skip nothing.
    let _ = fs::remove_file(&skips);
}
