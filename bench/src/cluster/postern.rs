// SPDX-License-Identifier: Apache-2.0
//! `postern run` as a process in the cluster's network, with an address of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::drive::process::Process;

/// How long it may take until it serves.
const READY: Duration = Duration::from_secs(300);
const HEALTH: u16 = 9100;

/// A running Postern.
pub(super) struct Postern {
    pub(super) process: Process,
    address: Ipv4Addr,
    started: Instant,
    log: PathBuf,
}

impl Postern {
    /// Starts it at an address of its own, with everything as by default but for these arguments.
    pub(super) fn start(
        program: &Path,
        state: &Path,
        address: Ipv4Addr,
        more: &[String],
    ) -> Result<Self> {
        let log = state.join(format!("postern-{address}.log"));
        let mut command = Command::new(program);
        command
            .arg("run")
            .arg("--kubeconfig")
            .arg(state.join("kubeconfig"))
            .arg(format!("--entryPoints.web.address={address}:80"))
            .arg(format!("--entryPoints.websecure.address={address}:443"))
            .arg(format!("--health.address={address}:{HEALTH}"))
            .arg("--admin.address=")
            .args(more)
            // What the cluster tells programs that run in it is no configuration of ours.
            .env_clear()
            .env("POD_NAME", format!("postern-{address}"))
            .env("POD_NAMESPACE", "default");
        let started = Instant::now();
        let process = Process::start_anywhere(&mut command, &log)?;
        Ok(Self { process, address, started, log })
    }

    /// Waits until it is ready; how long after its start that was.
    pub(super) async fn ready(&mut self) -> Result<Duration> {
        while !self.says_ready().await {
            if !self.process.runs() || self.started.elapsed() > READY {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("postern does not serve; it said:\n{said}");
            }
            sleep(Duration::from_millis(2)).await;
        }
        Ok(self.started.elapsed())
    }

    /// Whether it says that it is ready.
    pub(super) async fn says_ready(&self) -> bool {
        let answer = timeout(Duration::from_secs(1), self.ask("/ping")).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|text| text.starts_with("HTTP/1.1 200")))
    }

    /// What it counts.
    pub(super) async fn metrics(&self) -> Result<Metrics> {
        Ok(Metrics(self.ask("/metrics").await?))
    }

    /// Where it serves TLS.
    pub(super) fn websecure(&self) -> SocketAddr {
        (self.address, 443).into()
    }

    /// Where it serves plain HTTP.
    pub(super) fn web(&self) -> SocketAddr {
        (self.address, 80).into()
    }

    async fn ask(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect((self.address, HEALTH)).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

/// Metrics at one moment.
pub(super) struct Metrics(String);

impl Metrics {
    /// The value of the one series of that name.
    pub(super) fn value(&self, name: &str) -> Result<f64> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("no metric {name}"))?.trim().parse()?)
    }

    /// The sum of all series of that name.
    pub(super) fn sum(&self, name: &str) -> f64 {
        let series = self.0.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
        let values = series.filter_map(|rest| rest.rsplit_once(' ')?.1.trim().parse::<f64>().ok());
        // The sum of nothing is -0.0.
        values.sum::<f64>() + 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_apart_by_their_whole_name() {
        let text = "a_count 4\na 2\nb{x=\"1\"} 3\nb{x=\"2\"} 4\n";
        let metrics = Metrics(text.to_owned());
        assert!((metrics.value("a").unwrap() - 2.0).abs() < 1e-9);
        assert!((metrics.sum("b") - 7.0).abs() < 1e-9);
        assert!(metrics.value("b").is_err());
    }
}
