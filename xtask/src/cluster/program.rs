// SPDX-License-Identifier: Apache-2.0
//! The Go programs of the test cluster: built once for each state of their source, in the user's cache.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{env, fmt, fs};

use anyhow::{Context, Result};

use crate::programs::{find, is_root};
use crate::workspace::{root, target};

/// Where a program's source is.
enum Source {
    /// A module in `tests/cluster/NAME`.
    Ours,
    /// A package of a published module, at a version.
    Published { package: &'static str, version: &'static str },
}

/// A program to build.
struct GoProgram {
    name: &'static str,
    source: Source,
    /// Variables to set when linking, as Go's linker takes them.
    stamps: fn() -> Result<Vec<String>>,
}

const HELM: &str = "v4.3.1";

/// What the cluster consists of.  The slowest is first: what can fail soon should not wait for it, but its parts are
/// what the others are built from.
const PROGRAMS: &[GoProgram] = &[
    GoProgram { name: "controlplane", source: Source::Ours, stamps: kubernetes_stamps },
    GoProgram { name: "kubectl", source: Source::Ours, stamps: kubernetes_stamps },
    GoProgram { name: "supervisor", source: Source::Ours, stamps: no_stamps },
    GoProgram { name: "echo", source: Source::Ours, stamps: no_stamps },
    GoProgram { name: "etcd", source: Source::Ours, stamps: no_stamps },
    GoProgram {
        name: "helm",
        source: Source::Published { package: "helm.sh/helm/v4/cmd/helm", version: HELM },
        stamps: || Ok(vec![format!("helm.sh/helm/v4/internal/version.version={HELM}")]),
    },
];

fn no_stamps() -> Result<Vec<String>> {
    Ok(Vec::new())
}

/// Why there can be no test cluster on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unavailable {
    /// Nothing can be built.
    NoGo,
    /// Nothing can be started.
    NotRoot,
    /// There are no namespaces.
    NotLinux,
}

impl Unavailable {
    /// `EX_UNAVAILABLE`, or `EX_NOPERM`.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::NoGo | Self::NotLinux => 69,
            Self::NotRoot => 77,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoGo => {
                "Go is not installed (1.26 or newer builds kube-apiserver; see go.dev/dl)"
            }
            Self::NotRoot => "network namespaces need root",
            Self::NotLinux => "it needs Linux",
        })
    }
}

/// The built programs.
#[derive(Clone)]
pub(crate) struct Programs {
    paths: BTreeMap<&'static str, PathBuf>,
}

impl Programs {
    /// Builds what is not in the cache, which takes minutes the first time; or says why that cannot be.
    pub(crate) fn build() -> Result<Result<Self, Unavailable>> {
        if !cfg!(target_os = "linux") {
            return Ok(Err(Unavailable::NotLinux));
        }
        let Some(go) = find("go") else { return Ok(Err(Unavailable::NoGo)) };
        if !is_root() {
            return Ok(Err(Unavailable::NotRoot));
        }
        let version = Command::new(&go).args(["env", "GOVERSION"]).output()?.stdout;
        let cache = cache_folder()?;
        // Two builds at once would do the same work twice.  The lock ends with the process that holds it.
        let lock = File::create(cache.join("lock"))?;
        lock.lock()?;
        let mut paths = BTreeMap::new();
        for program in PROGRAMS {
            let built = program.built(&go, &version, &cache);
            paths.insert(program.name, built.with_context(|| program.name)?);
        }
        Ok(Ok(Self { paths }))
    }

    /// Where a program lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.paths.get(name).cloned().unwrap_or_else(|| name.into())
    }

    /// PATH with kubectl, helm, and the built postern before everything else.
    pub(crate) fn search_path(&self) -> OsString {
        let folders = ["kubectl", "helm"].map(|name| self.path(name));
        let folders = folders.iter().filter_map(|path| path.parent().map(Path::to_path_buf));
        let inherited = env::var_os("PATH").unwrap_or_default();
        let all = folders.chain([target().join("debug")]).chain(env::split_paths(&inherited));
        env::join_paths(all).unwrap_or(inherited)
    }
}

impl GoProgram {
    /// The program's file, built if this state of its source never was.
    fn built(&self, go: &Path, version: &[u8], cache: &Path) -> Result<PathBuf> {
        let flags = self.flags()?;
        let mut state = DefaultHasher::new();
        (version, &flags).hash(&mut state);
        self.hash_source(&mut state)?;
        let folder = cache.join(format!("{}-{:016x}", self.name, state.finish()));
        let file = folder.join(self.name);
        if file.is_file() {
            return Ok(file);
        }
        println!("building {} (minutes when nothing of it is cached)", self.name);
        let start = Instant::now();
        // Renamed when it is whole: an interrupted build leaves nothing that looks finished.
        let unfinished = cache.join(format!("{}.{}", self.name, std::process::id()));
        fs::create_dir_all(&unfinished)?;
        let status = self.command(go, &unfinished).args(&flags).arg(self.package()).status()?;
        anyhow::ensure!(status.success(), "go ended with {status}");
        if fs::rename(&unfinished, &folder).is_err() {
            // Somebody else was faster, with the same source.
            fs::remove_dir_all(&unfinished)?;
        }
        println!("built {} in {:.0} s", self.name, start.elapsed().as_secs_f64());
        Ok(file)
    }

    fn flags(&self) -> Result<Vec<String>> {
        let mut link = "-s -w".to_owned();
        for stamp in (self.stamps)()? {
            link.push_str(" -X ");
            link.push_str(&stamp);
        }
        Ok(vec!["-trimpath".to_owned(), "-ldflags".to_owned(), link])
    }

    fn command(&self, go: &Path, folder: &Path) -> Command {
        let mut command = Command::new(go);
        command.env("CGO_ENABLED", "0");
        match self.source {
            Source::Ours => command
                .args(["build", "-o"])
                .arg(folder.join(self.name))
                .current_dir(sources().join(self.name)),
            Source::Published { .. } => command.arg("install").env("GOBIN", folder),
        };
        command
    }

    fn package(&self) -> String {
        match self.source {
            Source::Ours => ".".to_owned(),
            Source::Published { package, version } => format!("{package}@{version}"),
        }
    }

    fn hash_source(&self, state: &mut DefaultHasher) -> Result<()> {
        self.package().hash(state);
        if let Source::Ours = self.source {
            let mut files: Vec<_> = fs::read_dir(sources().join(self.name))?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()?;
            files.sort();
            for file in files {
                (file.file_name(), fs::read(&file)?).hash(state);
            }
        }
        Ok(())
    }
}

fn sources() -> PathBuf {
    root().join("tests/cluster")
}

/// `$XDG_CACHE_HOME/postern-cluster`.
fn cache_folder() -> Result<PathBuf> {
    let xdg = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = xdg.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?;
    let folder = cache.join("postern-cluster");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// What Kubernetes' own build writes into its programs, so that `kubectl version` says what they are.
fn kubernetes_stamps() -> Result<Vec<String>> {
    let modules = fs::read_to_string(sources().join("controlplane/go.mod"))?;
    let version = kubernetes_version(&modules).context("go.mod names no k8s.io/kubernetes")?;
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or_default());
    let values = [
        ("gitVersion", version),
        ("gitMajor", major),
        ("gitMinor", minor),
        ("gitTreeState", "clean"),
        ("gitCommit", "from-module"),
        ("buildDate", "1970-01-01T00:00:00Z"),
    ];
    let places = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
    let stamp = |place| values.map(|(name, value)| format!("{place}.{name}={value}"));
    Ok(places.into_iter().flat_map(stamp).collect())
}

fn kubernetes_version(modules: &str) -> Option<&str> {
    let line = modules.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "))?;
    line.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamped_version_is_the_required_one() {
        let modules =
            "require (\n\tk8s.io/component-base v0.36.3\n\tk8s.io/kubernetes v1.36.3\n)\n";
        assert_eq!(kubernetes_version(modules), Some("v1.36.3"));
    }
}
