// SPDX-License-Identifier: Apache-2.0
//! CPU per request: interleaved rounds over all proxies, order reversed every round, medians.

use std::time::Duration;

use anyhow::Result;

use super::ground::Ground;
use super::proxy::Proxy;
use super::report::{Goal, Line, Report, median};
use super::{Options, fixtures, load};

type Load = fn(&Ground, &Proxy, Duration) -> Result<u64>;

/// Name, goal as a ratio to nginx, load.
const SCENARIOS: &[(&str, Goal, Load)] = &[
    ("h1 100 B", Goal::Ratio(0.90), |ground, proxy, round| {
        let url = format!("http://{}:{}/s", fixtures::ECDSA, proxy.web.port());
        load::wrk(&ground.folder, &url, round)
    }),
    ("h1 10 KB", Goal::None, |ground, proxy, round| {
        let url = format!("http://{}:{}/b", fixtures::ECDSA, proxy.web.port());
        load::wrk(&ground.folder, &url, round)
    }),
    ("h1 TLS 100 B", Goal::Ratio(0.85), |ground, proxy, round| {
        let url = format!("https://{}:{}/s", fixtures::ECDSA, proxy.websecure.port());
        load::wrk(&ground.folder, &url, round)
    }),
    ("h2 TLS 100 B", Goal::Ratio(1.0), |_, proxy, round| {
        load::h2load(proxy.websecure, fixtures::ECDSA, round)
    }),
    ("handshake ECDSA", Goal::Ratio(0.5), |_, proxy, round| {
        load::hsclient(proxy.websecure, fixtures::ECDSA, round)
    }),
    ("handshake RSA", Goal::None, |_, proxy, round| {
        load::hsclient(proxy.websecure, fixtures::RSA, round)
    }),
];

/// Runs the scenarios that are wanted.
pub(super) fn run(options: &Options, ground: &Ground, report: &mut Report) -> Result<()> {
    for &(name, goal, load) in SCENARIOS {
        if !options.wants(name) {
            continue;
        }
        let measured = measure(options, ground, load);
        let line = match measured {
            Ok(measured) => Line::new(name, "µs/request", goal, &measured),
            Err(error) => Line::broken(name, &error),
        };
        report.add(line);
    }
    Ok(())
}

fn measure(options: &Options, ground: &Ground, load: Load) -> Result<Vec<(&'static str, f64)>> {
    let mut all: Vec<Vec<f64>> = vec![Vec::new(); ground.proxies.len()];
    for proxy in &ground.proxies {
        // Pools and caches warm up before anything counts.
        load(ground, proxy, Duration::from_secs(1))?;
    }
    for round in 0..options.rounds() {
        let mut order: Vec<_> = (0..ground.proxies.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let proxy = &ground.proxies[index];
            all[index].push(cost(proxy, || load(ground, proxy, options.round()))?);
        }
    }
    let names = ground.proxies.iter().map(|proxy| proxy.name);
    Ok(names.zip(all.iter().map(|values| median(values))).collect())
}

/// The proxy's CPU time per request, in microseconds, while `load` runs.
pub(super) fn cost(proxy: &Proxy, load: impl FnOnce() -> Result<u64>) -> Result<f64> {
    let before = proxy.process.cpu()?;
    let requests = load()?;
    let spent = proxy.process.cpu()? - before;
    anyhow::ensure!(requests > 0, "{} answered nothing", proxy.name);
    Ok(spent as f64 / 1000.0 / requests as f64)
}
