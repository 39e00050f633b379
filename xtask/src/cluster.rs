// SPDX-License-Identifier: Apache-2.0
//! A real Kubernetes API on this machine, for tests: built from source packages, started in namespaces of its own, gone
//! without leftovers.  How it works inside is in `tests/cluster/supervisor`.

mod program;
mod suite;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};
use clap::Subcommand;

pub(crate) use self::program::{Programs, Unavailable};
pub(crate) use self::suite::{programs_step, step};
use crate::workspace::target;

/// What `cargo xtask cluster` does.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Builds what the cluster consists of (etcd, kube-apiserver, kubectl, helm and so on) into the user's cache.
    Build,
    /// Starts the cluster; it stays until `down`.
    Up,
    /// Ends the cluster and removes its state.
    Down,
    /// Prints the path of the cluster's kubeconfig; only programs started with `run` reach its address.
    Kubeconfig,
    /// Runs a program inside the cluster's network, with kubectl, helm and postern on PATH; starts a cluster for it when
    /// none is up.
    Run {
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Runs the tests that need the cluster, in a cluster of their own.
    Test {
        /// Only tests whose name contains this text.
        filter: Option<String>,
    },
}

/// Runs one verb in the cluster whose state lies in `state`, by default in the folder for temporary files.
pub(crate) fn run(verb: &Verb, state: Option<PathBuf>) -> Result<ExitCode> {
    let state = state.unwrap_or_else(default_state);
    let programs = match Programs::build()? {
        Ok(programs) => programs,
        Err(reason) => {
            eprintln!("error: the test cluster cannot be had here: {reason}");
            return Ok(ExitCode::from(reason.exit_code()));
        }
    };
    let cluster = Cluster { programs, state };
    match verb {
        Verb::Build => Ok(ExitCode::SUCCESS),
        Verb::Up => {
            let started = cluster.start()?.status()?;
            if started.success() {
                println!("KUBECONFIG={}", cluster.kubeconfig().display());
            }
            Ok(exit(started))
        }
        Verb::Down => Ok(exit(cluster.supervisor("stop").status()?)),
        Verb::Kubeconfig if cluster.is_up() => {
            println!("{}", cluster.kubeconfig().display());
            Ok(ExitCode::SUCCESS)
        }
        Verb::Kubeconfig => anyhow::bail!("no cluster is up; `cargo xtask cluster up` starts one"),
        Verb::Run { command } => {
            let mut inside = match cluster.is_up() {
                true => cluster.supervisor("enter"),
                false => cluster.once()?,
            };
            Ok(exit(inside.arg("--").args(command).status()?))
        }
        Verb::Test { filter } => suite::run(&cluster.programs, filter.as_deref()),
    }
}

/// A cluster: what it is made of, and where its data lies.
pub(crate) struct Cluster {
    programs: Programs,
    state: PathBuf,
}

impl Cluster {
    /// One that is gone when what it is started for ends.
    pub(crate) fn temporary(programs: &Programs) -> Self {
        suite::temporary(programs)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    fn is_up(&self) -> bool {
        let mut status = self.supervisor("status");
        status.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn supervisor(&self, verb: &str) -> Command {
        let mut command = Command::new(self.programs.path("supervisor"));
        command.arg(verb).arg("--state").arg(&self.state).env("PATH", self.programs.search_path());
        command
    }

    /// Starts a cluster that stays.
    fn start(&self) -> Result<Command> {
        let mut command = self.supervisor("start");
        command.args(self.parts()?);
        Ok(command)
    }

    /// Starts a cluster for one program.
    pub(crate) fn once(&self) -> Result<Command> {
        let mut command = self.supervisor("once");
        command.args(self.parts()?);
        Ok(command)
    }

    fn parts(&self) -> Result<Vec<String>> {
        let images = self.write_images()?;
        Ok(vec![
            "--etcd".to_owned(),
            text(&self.programs.path("etcd")),
            "--controlplane".to_owned(),
            text(&self.programs.path("controlplane")),
            "--images".to_owned(),
            text(&images),
        ])
    }

    /// Which program of this machine stands for which container image.
    fn write_images(&self) -> Result<PathBuf> {
        let images = [
            ("ghcr.io/postern-edge/postern", target().join("debug/postern")),
            ("postern.dev/test/echo", self.programs.path("echo")),
        ];
        let lines =
            images.map(|(image, path)| format!("{image:?}: {{\"path\": {:?}}}", text(&path)));
        let file = target().join("cluster-images.json");
        fs::create_dir_all(target())?;
        fs::write(&file, format!("{{{}}}\n", lines.join(", ")))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(file)
    }
}

fn default_state() -> PathBuf {
    env::temp_dir().join("postern-cluster")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn exit(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
