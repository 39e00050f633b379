// SPDX-License-Identifier: Apache-2.0
//! Changes, one after the other, and how long each takes from the API server's answer until it is seen.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::time::sleep;
use tokio::try_join;

use super::ground::{BACKENDS, Ground};
use super::objects::{self, Shape, Site};
use super::postern::Postern;
use super::probe::Probe;
use crate::drive::certificates::Key;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);
/// How long a change may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two changes: longer than the quiet period that ends a batch.
const PAUSE: Duration = Duration::from_millis(20);

/// Durations in milliseconds, sorted.
#[derive(Debug, Default)]
pub(super) struct Spread(Vec<f64>);

impl Spread {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which so many percent are; zero of none.
    pub(super) fn at(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last * percent).div_ceil(100)).copied().unwrap_or_default()
    }
}

/// What a series of changes took.
#[derive(Debug)]
pub(super) struct Series {
    /// From the API server's answer until it was seen.
    pub(super) live: Spread,
    /// What the last compile before it was seen took, reading included.
    pub(super) compile: Spread,
}

/// Makes changes and looks for them.
pub(super) struct Changes<'a> {
    pub(super) ground: &'a Ground,
    pub(super) postern: &'a Postern,
    pub(super) probe: Probe,
    pub(super) shape: Shape,
    /// How many were made: each is of the next site.
    pub(super) made: usize,
}

impl<'a> Changes<'a> {
    pub(super) fn new(ground: &'a Ground, postern: &'a Postern, shape: Shape) -> Result<Self> {
        let probe = Probe::new(postern.web(), postern.websecure())?;
        Ok(Self { ground, postern, probe, shape, made: 0 })
    }

    /// New certificates, until new connections get them.
    pub(super) async fn certificates(&mut self, count: usize) -> Result<Series> {
        let mut took = Vec::new();
        for _ in 0..count {
            let (site, host) = self.next();
            let identity = self.ground.authority.issue(&host, Key::Ecdsa)?;
            let (path, change) = (site.secret(), json!({ "data": objects::data(&identity) }));
            let write = self.ground.api.merge(&path, &change);
            let look = async || Ok(self.probe.leaf(&host).await? == identity.leaf);
            took.push(self.until_seen(write, look).await.context(path.clone())?);
        }
        Ok(series(&took))
    }

    /// Endpoints that move from one backend to the other, until new requests go there.
    pub(super) async fn endpoints(&mut self, count: usize) -> Result<Series> {
        let mut took = Vec::new();
        for _ in 0..count {
            let (site, host) = self.next();
            let to = other(&self.probe.backend(&host).await?);
            let (path, change) = (site.slice(), json!({ "endpoints": objects::endpoints(to) }));
            let write = self.ground.api.merge(&path, &change);
            let look = async || Ok(self.probe.backend(&host).await? == to.to_string());
            took.push(self.until_seen(write, look).await.context(path.clone())?);
        }
        Ok(series(&took))
    }

    /// Postern's CPU for a change of a certificate, in milliseconds, while nobody looks.
    pub(super) async fn cpu(&mut self, count: usize) -> Result<f64> {
        let gap = Duration::from_millis(40);
        let length = gap * u32::try_from(count)?;
        let before = self.postern.process.cpu()?;
        sleep(length).await;
        let idle = self.postern.process.cpu()? - before;
        let mut changes = Vec::new();
        for _ in 0..count {
            let (site, host) = self.next();
            let identity = self.ground.authority.issue(&host, Key::Ecdsa)?;
            changes.push((site.secret(), json!({ "data": objects::data(&identity) })));
        }
        let (before, start) = (self.postern.process.cpu()?, Instant::now());
        for (path, change) in &changes {
            self.ground.api.merge(path, change).await?;
            sleep(gap).await;
        }
        sleep(gap).await;
        let busy = self.postern.process.cpu()? - before;
        let idle = idle as f64 * start.elapsed().as_secs_f64() / length.as_secs_f64();
        Ok((busy as f64 - idle).max(0.0) / 1e6 / count as f64)
    }

    fn next(&mut self) -> (Site, String) {
        // Far apart: neighbours would say little about the rest.
        let site = self.shape.site(self.made * 7919 % self.shape.ingresses());
        self.made += 1;
        (site, site.host())
    }

    /// Milliseconds from the answer until it was seen, and of the last compile.
    async fn until_seen(
        &self,
        write: impl Future<Output = Result<()>>,
        look: impl AsyncFn() -> Result<bool>,
    ) -> Result<(f64, f64)> {
        let start = Instant::now();
        let written = async { write.await.map(|()| Instant::now()) };
        let seen = async {
            loop {
                if look().await? {
                    return Ok(Instant::now());
                }
                if start.elapsed() > PATIENCE {
                    bail!("the change is not live after {PATIENCE:?}");
                }
                sleep(LOOK).await;
            }
        };
        let (written, seen) = try_join!(written, seen)?;
        let live = seen.saturating_duration_since(written).as_secs_f64() * 1e3;
        let metrics = self.postern.metrics().await?;
        let compile = metrics.value("postern_last_compile_seconds")? * 1e3;
        sleep(PAUSE).await;
        Ok((live, compile))
    }
}

fn series(took: &[(f64, f64)]) -> Series {
    let (live, compile) = took.iter().copied().unzip();
    Series { live: Spread::new(live), compile: Spread::new(compile) }
}

fn other(backend: &str) -> Ipv4Addr {
    let [first, second] = BACKENDS;
    if backend == first.to_string() { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_err_towards_the_slower_value() {
        let spread = Spread::new((1..=200).map(f64::from).rev().collect());
        assert_eq!([spread.at(50), spread.at(99), spread.at(100)], [101.0, 199.0, 200.0]);
        assert!(Spread::default().at(99).abs() < 1e-9);
    }
}
