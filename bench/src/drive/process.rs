// SPDX-License-Identifier: Apache-2.0
//! Processes that are measured: started on their core, read from /proc, ended when dropped.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The core of the proxies.
const PROXY: usize = 0;
/// The core of everything else.
const LOAD: usize = 1;

/// Moves this thread, and all that it starts later, to the core of the load.
pub(crate) fn pin_self_to_load() -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    if !(allowed.is_set(PROXY) && allowed.is_set(LOAD)) {
        bail!("two cores are needed: one for the proxy, one for the load");
    }
    pin(LOAD)
}

fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// A running process.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a command on the core of the proxies, its output in a log.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        // A child inherits where its parent may run.
        pin(PROXY)?;
        let process = Self::start_anywhere(command, log);
        pin(LOAD)?;
        process
    }

    /// Starts a command on whatever core is free, its output in a log.
    pub(crate) fn start_anywhere(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// CPU time of all threads of the process and its children so far, in nanoseconds.
    pub(crate) fn cpu(&self) -> Result<u64> {
        let mut total = 0;
        for process in self.family()? {
            for task in fs::read_dir(format!("/proc/{process}/task"))? {
                // A thread may end between the listing and the reading.
                let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
                let first = text.split_whitespace().next().unwrap_or_default();
                total += first.parse::<u64>()?;
            }
        }
        Ok(total)
    }

    /// Resident memory of the process itself, in MiB.
    pub(crate) fn resident(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// The most that was ever resident, in MiB.
    pub(crate) fn peak(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.with_context(|| format!("no {field}"))?.parse::<f64>()? / 1024.0)
    }

    fn family(&self) -> Result<Vec<u32>> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
        let mut all = vec![own];
        for child in children.split_whitespace() {
            all.push(child.parse()?);
        }
        Ok(all)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Asked first, so that a master process ends its workers; then made to.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        for _ in 0..40 {
            if !self.runs() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
