// SPDX-License-Identifier: Apache-2.0
//! Docker or Podman, an image that it builds, and a container that it runs.

use std::fs::{self, File};
use std::future::ready;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use postern_tests::patience::{until, within};
use tokio::process::{Child, Command as AsyncCommand};

/// An engine that answers and builds from several folders.
pub(super) struct Engine {
    name: &'static str,
    options: &'static [&'static str],
}

impl Engine {
    /// Docker's server, or Podman with either runtime.  Debian's crun refuses the mixture of control groups that some
    /// machines have; runc does not.
    pub(super) fn find() -> Option<Self> {
        let runc = Command::new("runc").arg("--version").output().is_ok();
        let options: &[&str] = if runc { &["--runtime=runc"] } else { &[] };
        let engines = [Self { name: "docker", options: &[] }, Self { name: "podman", options }];
        engines.into_iter().find(Self::answers)
    }

    fn answers(&self) -> bool {
        let server = self.output(&["version", "--format", "{{.Server.Version}}"]);
        let help = self.output(&["build", "--help"]);
        let several = help
            .is_some_and(|help| String::from_utf8_lossy(&help.stdout).contains("--build-context"));
        several && server.is_some_and(|server| server.status.success())
    }

    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.name);
        command.args(self.options).stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> Option<Output> {
        self.command().args(arguments).output().ok()
    }

    /// Whether containers start here at all, with the program `postern` in `folder`, which needs nothing around it; or
    /// what the engine says.
    pub(super) fn starts_any(&self, folder: &Path) -> Result<(), String> {
        let file = folder.join("probe");
        fs::write(&file, "FROM scratch\nCOPY postern /postern\n").expect("the folder is ours");
        let image = Image { engine: self, tag: tag("probe") };
        let mut build = self.command();
        succeeds(build.args(["build", "--tag", &image.tag, "--file"]).arg(&file).arg(folder))?;
        let mut run = self.command();
        run.args(["run", "--rm", "--network=none"]).args(limits());
        succeeds(run.args([&image.tag, "/postern", "version"]))
    }

    /// Builds the image from `source`; `stage` stands for the stage that builds the program.
    pub(super) fn build(&self, source: &Path, stage: &Path) -> Image<'_> {
        let image = Image { engine: self, tag: tag("test") };
        let mut build = self.command();
        build.args(["build", "--file=deploy/Containerfile", "--tag", &image.tag]);
        build.arg(format!("--build-context=build={}", stage.display())).arg(".");
        if let Err(reason) = succeeds(build.current_dir(source)) {
            panic!("{reason}");
        }
        image
    }
}

/// An image of this process's own.
fn tag(what: &str) -> String {
    format!("postern-{what}:{}", std::process::id())
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
    }
}

/// The limits of this process: an engine that may not raise them starts nothing with limits of its own.
fn limits() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let names = [("Max open files", "nofile"), ("Max processes", "nproc")];
    let limit = |(title, name)| {
        let hard =
            text.lines().find_map(|line| line.strip_prefix(title))?.split_whitespace().nth(1);
        let hard: u64 = hard?.parse().ok()?;
        Some(format!("--ulimit={name}={hard}:{hard}"))
    };
    names.into_iter().filter_map(limit).collect()
}

/// An image; it is removed when it is dropped.
pub(super) struct Image<'a> {
    engine: &'a Engine,
    tag: String,
}

impl Image<'_> {
    /// The command that runs its program to its end.
    pub(super) fn run(&self, options: &[&str], arguments: &[&str]) -> AsyncCommand {
        let mut command = self.engine.command();
        command.args(["run", "--rm"]).args(limits()).args(options).arg(&self.tag).args(arguments);
        command.into()
    }

    /// Starts its program.
    pub(super) fn start(&self, options: &[&str], arguments: &[&str]) -> Container<'_> {
        let name = format!("postern-test-{}", std::process::id());
        let folder = tempfile::tempdir().expect("there is room for files");
        let log = folder.path().join("log");
        let file = File::create(&log).expect("the folder is ours");
        let named = format!("--name={name}");
        let child = self
            .run(&[options, &[&named]].concat(), arguments)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the engine runs");
        Container { engine: self.engine, name, child, log, _folder: folder }
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        self.engine.output(&["rmi", "--force", &self.tag]);
    }
}

/// A running program; it ends when it is dropped.
pub(super) struct Container<'a> {
    engine: &'a Engine,
    name: String,
    child: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Container<'_> {
    /// What it said.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it says where it listens: the address comes after `words`.
    pub(super) async fn listens(&mut self, words: &str) -> SocketAddr {
        until(words, || {
            let told = self.told(words);
            if told.is_none()
                && let Some(status) = self.child.try_wait().expect("it is our child")
            {
                panic!("it ended with {status}:\n{}", self.log());
            }
            ready(told)
        })
        .await
    }

    fn told(&self, words: &str) -> Option<SocketAddr> {
        let log = self.log();
        let (_, rest) = log.split_once(words)?;
        rest.split_whitespace().next()?.parse().ok()
    }

    /// Stops it as a kubelet does, and gives its exit code.
    pub(super) async fn stop(&mut self) -> Option<i32> {
        self.engine.output(&["stop", &self.name]);
        let status = within("it stops", self.child.wait()).await;
        status.expect("it is our child").code()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.engine.output(&["rm", "--force", &self.name]);
    }
}
