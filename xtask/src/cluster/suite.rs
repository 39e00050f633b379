// SPDX-License-Identifier: Apache-2.0
//! The tests that need a cluster, run inside one that lives as long as they do.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::Result;

use super::{Cluster, Programs, Unavailable};
use crate::step::{self, Outcome, Tally};
use crate::workspace::cargo;

const STATE: &str = "postern-cluster-test-";

/// Builds the programs, as a step of its own: it can take minutes.  Nothing when they cannot be had here, which is a
/// failure under `CI=true`.
pub(crate) fn programs_step(tally: &mut Tally) -> Option<Programs> {
    let mut programs = None;
    tally.step("programs of the test cluster", || {
        Ok(match Programs::build()? {
            Ok(built) => {
                programs = Some(built);
                Outcome::Passed(String::new())
            }
            Err(reason) => unavailable(reason),
        })
    });
    programs
}

fn unavailable(reason: Unavailable) -> Outcome {
    let said = format!("the cluster suite is skipped: {reason}");
    match env::var("CI").as_deref() {
        Ok("true") => Outcome::Failed(said),
        _ => Outcome::Skipped(said),
    }
}

/// Runs the suite as a step of the whole test run.
pub(crate) fn step(programs: &Programs) -> Result<Outcome> {
    step::run_tests(&mut command(programs, None)?)
}

/// Runs the suite alone.
pub(super) fn run(programs: &Programs, filter: Option<&str>) -> Result<ExitCode> {
    let mut tally = Tally::default();
    tally.step("build of postern", || step::run(cargo().args(["build", "--package", "postern"])));
    tally.step("cluster", || step::run_tests(&mut command(programs, filter)?));
    Ok(if tally.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo test` with the supervisor as the program that runs the test program.
fn command(programs: &Programs, filter: Option<&str>) -> Result<Command> {
    let cluster = temporary(programs);
    let mut runner = vec![
        programs.path("supervisor").display().to_string(),
        "once".to_owned(),
        "--state".to_owned(),
        cluster.state.display().to_string(),
    ];
    runner.extend(cluster.parts()?);
    runner.push("--".to_owned());
    let mut command = cargo();
    command
        .arg("--config")
        .arg(format!("target.'cfg(unix)'.runner = {runner:?}"))
        .args(["test", "--package", "postern-tests", "--test", "cluster", "--"])
        .args(["--ignored", "--test-threads=4"])
        .args(filter)
        .env("PATH", programs.search_path());
    Ok(command)
}

/// A cluster in a folder of this process's own.
pub(super) fn temporary(programs: &Programs) -> Cluster {
    remove_leftovers(&env::temp_dir());
    let state = env::temp_dir().join(format!("{STATE}{}", std::process::id()));
    Cluster { programs: programs.clone(), state }
}

/// A run that was killed leaves its folder, and nothing else.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(STATE));
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            // Whoever else removes it at the same time may have it.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
