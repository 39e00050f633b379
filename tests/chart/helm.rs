// SPDX-License-Identifier: Apache-2.0
//! The real helm, run on the chart.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use postern_tests::program::find_or_skip;

use crate::chart;

/// Where helm lies, and a folder in which it may keep what it likes.
pub(crate) struct Helm {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Helm {
    /// Or nothing, and `test` is listed as skipped.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let program = find_or_skip("helm", &format!("chart::{test}"))?;
        Some(Self { program, home: tempfile::tempdir().expect("a temporary folder") })
    }

    /// What the chart renders with this file of values.
    pub(crate) fn render(&self, values: &Path) -> Output {
        self.run("template", &["--values", &values.display().to_string()])
    }

    /// What it renders with this text as values.
    pub(crate) fn render_text(&self, values: &str) -> Output {
        let file = self.home.path().join("values.yaml");
        std::fs::write(&file, values).expect("a file");
        self.render(&file)
    }

    /// `helm lint`, with warnings as errors.
    pub(crate) fn lint(&self, values: &Path) -> Output {
        let chart = chart().display().to_string();
        let values = values.display().to_string();
        self.command()
            .args(["lint", "--strict", &chart, "--values", &values])
            .output()
            .expect("it runs")
    }

    fn run(&self, verb: &str, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command.args([verb, "postern"]).arg(chart());
        command.args(["--namespace", "postern-system"]).args(arguments).output().expect("it runs")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("HOME", self.home.path()).env_remove("KUBECONFIG");
        command
    }
}

/// What a program wrote to standard output; fails the test when it did not succeed.
#[track_caller]
pub(crate) fn output(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
