// SPDX-License-Identifier: Apache-2.0
//! 10,000 hosts with their certificates from a folder: time to ready, memory, cost of a request, cost of a change.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use super::ground::Ground;
use super::proxy::Proxy;
use super::report::{Goal, Line, Report, median};
use super::{Options, fixtures, load, throughput};
use crate::client::{self, Offer};

/// How many certificates are changed, one after the other.
const CHANGES: usize = 5;
/// How long a change may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures Postern alone; nginx would have to be reloaded for a change.
pub(super) fn run(options: &Options, ground: &Ground, report: &mut Report) -> Result<()> {
    let (Some(program), Some(small)) = (&options.postern, ground.postern()) else { return Ok(()) };
    if !options.wants("scale") {
        return Ok(());
    }
    let folder = ground.folder.join("large");
    fixtures::large(&folder, options.scale(), &ground.authority, ground.backend)?;
    let log = ground.folder.join("postern-large.log");
    let proxy = match Proxy::postern(program, &folder, &log) {
        Ok(proxy) => proxy,
        Err(error) => {
            report.add(Line::broken("scale", &error));
            return Ok(());
        }
    };
    let line = |name: &str, unit, goal, value| {
        Line::new(&format!("scale {name}"), unit, goal, &[("postern", value)])
    };
    report.add(line("ready", "s", Goal::AtMost(2.0), proxy.ready.as_secs_f64()));
    // The same as work done: on a busy machine the time above says little.
    let cpu = proxy.process.cpu()? as f64 / 1e9;
    report.add(line("ready CPU", "s", Goal::None, cpu));
    thread::sleep(Duration::from_secs(3));
    report.add(line("resident", "MiB", Goal::AtMost(80.0), proxy.process.resident()?));
    let scale = Scale { options, ground, proxy: &proxy, folder };
    match scale.cost_among_all(small) {
        Ok([one, among, all]) => {
            report.add(line("1 host", "µs/request", Goal::None, one));
            // Measurements differ by some percent: a tenth more still is "unchanged".
            report.add(line("1 of all hosts", "µs/request", Goal::AtMost(one * 1.1), among));
            // Every request for another host: tenants' upstream connections are apart, so there are more of them.
            report.add(line("random hosts", "µs/request", Goal::AtMost(one * 1.1), all));
        }
        Err(error) => report.add(Line::broken("scale requests", &error)),
    }
    match scale.changes() {
        Ok((live, cpu)) => {
            report.add(line("change live", "ms", Goal::AtMost(350.0), live));
            report.add(line("change CPU", "ms", Goal::AtMost(5.0), cpu));
        }
        Err(error) => report.add(Line::broken("scale changes", &error)),
    }
    report.add(line("resident after", "MiB", Goal::None, proxy.process.resident()?));
    Ok(())
}

struct Scale<'a> {
    options: &'a Options,
    ground: &'a Ground,
    proxy: &'a Proxy,
    folder: PathBuf,
}

impl Scale<'_> {
    /// Microseconds a request, in turn: of a Postern with one host, of this one for one host, and for random hosts.
    fn cost_among_all(&self, small: &Proxy) -> Result<[f64; 3]> {
        let (namespaces, hosts) = self.options.scale();
        let all: Vec<_> = (0..namespaces)
            .flat_map(|namespace| (0..hosts).map(move |host| fixtures::large_host(namespace, host)))
            .collect();
        let one = vec![fixtures::ECDSA.to_owned()];
        let among = vec![fixtures::large_host(0, 0)];
        let mut costs = [Vec::new(), Vec::new(), Vec::new()];
        let load = |proxy: &Proxy, hosts, round| {
            load::wrk_hosts(&self.ground.folder, proxy.web, hosts, round)
        };
        load(self.proxy, &all, Duration::from_secs(1))?;
        for _ in 0..self.options.rounds() {
            let round = self.options.round();
            costs[0].push(throughput::cost(small, || load(small, &one, round))?);
            costs[1].push(throughput::cost(self.proxy, || load(self.proxy, &among, round))?);
            costs[2].push(throughput::cost(self.proxy, || load(self.proxy, &all, round))?);
        }
        Ok(costs.map(|costs| median(&costs)))
    }

    /// Milliseconds from a rename to the first handshake with the new leaf, and of CPU that a change costs.
    fn changes(&self) -> Result<(f64, f64)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connector = client::connector(Offer::default())?;
        let mut live = Vec::new();
        let mut cpu = Vec::new();
        for number in 0..CHANGES {
            let probe = Probe {
                runtime: &runtime,
                connector: &connector,
                to: self.proxy.websecure,
                name: fixtures::large_host(number, number),
            };
            let leaf = self.rename(number)?;
            live.push(probe.wait_for(&leaf)?.as_secs_f64() * 1000.0);
            // The CPU is measured at a second change that nobody looks at, so that no handshake is counted.
            let idle = self.cpu_of_a_second(|| Ok(()))?;
            let mut leaf = Vec::new();
            let busy = self.cpu_of_a_second(|| {
                leaf = self.rename(number)?;
                Ok(())
            })?;
            ensure!(probe.leaf()? == leaf, "the second change of {} is not live", probe.name);
            cpu.push((busy - idle).max(0.0));
        }
        Ok((median(&live), median(&cpu)))
    }

    /// Puts a new certificate in place of a host's old one, as an editor or a sync tool does.
    fn rename(&self, number: usize) -> Result<Vec<u8>> {
        let place = (number, number);
        let staged = self.ground.folder.join("staged.yaml");
        let leaf =
            fixtures::large_file(&staged, place, &self.ground.authority, self.ground.backend)?;
        fs::rename(&staged, file(&self.folder, place))?;
        Ok(leaf)
    }

    fn cpu_of_a_second(&self, work: impl FnOnce() -> Result<()>) -> Result<f64> {
        let before = self.proxy.process.cpu()?;
        work()?;
        thread::sleep(Duration::from_secs(1));
        Ok((self.proxy.process.cpu()? - before) as f64 / 1e6)
    }
}

fn file(folder: &Path, (namespace, host): (usize, usize)) -> PathBuf {
    folder.join(format!("t{namespace}")).join(format!("h{host}.yaml"))
}

/// Looks which certificate a host has.
struct Probe<'a> {
    runtime: &'a Runtime,
    connector: &'a TlsConnector,
    to: SocketAddr,
    name: String,
}

impl Probe<'_> {
    fn wait_for(&self, leaf: &[u8]) -> Result<Duration> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.leaf()? == leaf {
                return Ok(start.elapsed());
            }
            thread::sleep(Duration::from_millis(5));
        }
        anyhow::bail!("the new certificate of {} is not live after {PATIENCE:?}", self.name)
    }

    fn leaf(&self) -> Result<Vec<u8>> {
        self.runtime.block_on(async {
            let stream = client::connect(self.connector, self.to, &self.name, 0).await?;
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            Ok(chain.first().map(|leaf| leaf.to_vec()).unwrap_or_default())
        })
    }
}
