// SPDX-License-Identifier: Apache-2.0
//! Programs that tests and measurements use and that are no Rust crates: found, installed, or named as missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// A program and the Debian package that brings it.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    /// What it is started as.
    pub(crate) name: &'static str,
    package: &'static str,
}

/// What the tests use.
pub(crate) const TEST: &[Program] = &[
    Program { name: "nginx", package: "nginx-light" },
    Program { name: "openssl", package: "openssl" },
    Program { name: "curl", package: "curl" },
];

/// What the test of the container image uses, where no other engine answers.
pub(crate) const ENGINE: &[Program] =
    &[Program { name: "podman", package: "podman" }, Program { name: "runc", package: "runc" }];

/// What the measurements use.
pub(crate) const BENCH: &[Program] = &[
    Program { name: "nginx", package: "nginx-light" },
    Program { name: "wrk", package: "wrk" },
    Program { name: "h2load", package: "nghttp2-client" },
];

/// Installs what is missing where that is allowed, and returns what still is.
pub(crate) fn ensure(programs: &[Program]) -> Vec<Program> {
    let missing = absent(programs);
    if missing.is_empty() || !may_install() {
        return missing;
    }
    let packages: Vec<_> = missing.iter().map(|program| program.package).collect();
    println!("installing {} with apt-get", packages.join(", "));
    if !apt_get(&["update"]) || !apt_get(&install(&packages)) {
        println!("apt-get did not succeed");
    }
    absent(programs)
}

/// Whether Docker's server answers: its client alone builds nothing.
pub(crate) fn has_docker() -> bool {
    let mut docker = Command::new("docker");
    docker.args(["version", "--format", "{{.Server.Version}}"]);
    docker.stdout(Stdio::null()).stderr(Stdio::null());
    docker.status().is_ok_and(|status| status.success())
}

fn install<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    arguments
}

/// Where a program lies.  The folders for system programs are searched too: they are not on every user's PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn absent(programs: &[Program]) -> Vec<Program> {
    programs.iter().copied().filter(|program| find(program.name).is_none()).collect()
}

fn may_install() -> bool {
    find("apt-get").is_some() && (is_root() || in_ci())
}

fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

/// Whether this process may do what only root may.
pub(crate) fn is_root() -> bool {
    // The owner of our own process, without a dependency for one system call.
    use std::os::unix::fs::MetadataExt;
    fs::metadata(Path::new("/proc/self")).is_ok_and(|process| process.uid() == 0)
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut command = match is_root() {
        true => Command::new("apt-get"),
        false => {
            let mut sudo = Command::new("sudo");
            sudo.args(["--non-interactive", "--preserve-env", "apt-get"]);
            sudo
        }
    };
    command.args(["-qq", "-o", "Dpkg::Use-Pty=0"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    // Debian starts a server when it installs one; in this run level it does not.
    command.env("RUNLEVEL", "1");
    command.status().is_ok_and(|status| status.success())
}
