// SPDX-License-Identifier: Apache-2.0
//! One shape: time to ready, memory, and how soon changes are live, while the leader writes status and after.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::ShapeOptions;
use super::changes::{Changes, Series};
use super::ground::{BACKENDS, Ground};
use super::objects;
use super::postern::Postern;
use crate::drive::report::{Goal, Line, Report};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 250, 0, 10);
const REPLICA: Ipv4Addr = Ipv4Addr::new(10, 250, 0, 11);
/// The address that the leader writes to every Ingress.
const PUBLISHED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The memory that a Postern without objects may have, in MiB; each Ingress has its share above that.
const BASE: f64 = 25.0;
/// What is to be written counts as written when nothing waits for so long.
const CALM: Duration = Duration::from_secs(5);
/// Memory is looked at when what is only needed for a moment has been given back.
const REST: Duration = Duration::from_secs(10);

/// Measures, and writes what was measured.
pub(super) async fn run(options: &ShapeOptions) -> Result<()> {
    crate::drive::warn_if_busy();
    let ground = Ground::lay().await?;
    let mut course = Course { options, ground: &ground, report: Report::default() };
    course.empty().await?;
    let start = Instant::now();
    let shape = options.shape;
    objects::fill(&ground.api, shape, &ground.authority, BACKENDS[0]).await?;
    course.note("create everything", "s", start.elapsed().as_secs_f64());
    course.first().await?;
    course.again().await?;
    let mut result: Value = serde_json::from_str(&course.report.json(false))?;
    result["shape"] = json!(shape.to_string());
    std::fs::write(&options.out, format!("{result:#}\n"))?;
    Ok(())
}

struct Course<'a> {
    options: &'a ShapeOptions,
    ground: &'a Ground,
    report: Report,
}

impl Course<'_> {
    fn add(&mut self, name: &str, unit: &'static str, goal: Goal, value: f64) {
        self.report.add(Line::new(name, unit, goal, &[("postern", value)]));
    }

    fn note(&mut self, name: &str, unit: &'static str, value: f64) {
        self.add(name, unit, Goal::None, value);
    }

    fn start(&self, address: Ipv4Addr) -> Result<Postern> {
        // So the leader writes all that it ever writes: claims, Events, and the status of every Ingress.
        let mut more =
            vec![format!("--providers.kubernetesIngress.ingressEndpoint.ip={PUBLISHED}")];
        if self.options.by_name {
            let all: Vec<_> = self.options.shape.namespaces().collect();
            more.push(format!("--providers.kubernetesIngress.namespaces={}", all.join(",")));
            more.push("--providers.kubernetesIngress.secretsByName=true".to_owned());
        }
        Postern::start(&self.options.postern, self.ground.state(), address, &more)
    }

    /// Postern in a cluster without anything to serve.
    async fn empty(&mut self) -> Result<()> {
        if self.options.by_name {
            // It would wait for namespaces that do not exist yet.
            return Ok(());
        }
        let mut postern = self.start(ADDRESS)?;
        let ready = postern.ready().await?;
        self.note("empty: ready", "s", ready.as_secs_f64());
        sleep(REST).await;
        self.note("empty: resident", "MiB", postern.process.resident()?);
        Ok(())
    }

    /// The first start: nothing is recorded in the cluster yet, so the leader has a lot to write.
    async fn first(&mut self) -> Result<()> {
        let mut postern = self.start(ADDRESS)?;
        let ready = postern.ready().await?;
        let start = Instant::now();
        self.add("ready", "s", Goal::AtMost(5.0), ready.as_secs_f64());
        self.note("ready: CPU", "s", postern.process.cpu()? as f64 / 1e9);
        self.note("ready: peak memory", "MiB", postern.process.peak()?);
        let mut changes = Changes::new(self.ground, &postern, self.options.shape)?;
        self.series(&mut changes, "leader writing: ").await?;
        if !self.settle(&postern).await? {
            self.note(
                "leader wrote for longer than, and still writes",
                "s",
                start.elapsed().as_secs_f64(),
            );
        } else {
            self.note("leader has written everything after", "s", start.elapsed().as_secs_f64());
        }
        self.note("writes", "", postern.metrics().await?.sum("postern_status_writes_total"));
        self.memory("", &postern).await?;
        self.series(&mut changes, "").await?;
        let cpu = changes.cpu(self.options.changes.min(100)).await?;
        self.note("CPU of a change", "ms", cpu);
        self.memory("after changes: ", &postern).await?;
        self.replica().await
    }

    /// A second replica beside the leader: it serves, and writes nothing.
    async fn replica(&mut self) -> Result<()> {
        let mut postern = self.start(REPLICA)?;
        let ready = postern.ready().await?;
        self.add("replica: ready", "s", Goal::AtMost(5.0), ready.as_secs_f64());
        self.memory("replica: ", &postern).await
    }

    /// A restart: everything is recorded.
    async fn again(&mut self) -> Result<()> {
        let mut postern = self.start(ADDRESS)?;
        let ready = postern.ready().await?;
        self.add("restart: ready", "s", Goal::AtMost(5.0), ready.as_secs_f64());
        self.settle(&postern).await?;
        let writes = postern.metrics().await?.sum("postern_status_writes_total");
        self.note("restart: writes", "", writes);
        self.memory("restart: ", &postern).await
    }

    async fn memory(&mut self, when: &str, postern: &Postern) -> Result<()> {
        sleep(REST).await;
        let resident = postern.process.resident()?;
        self.note(&format!("{when}resident"), "MiB", resident);
        let each = (resident - BASE) * 1024.0 / self.options.shape.ingresses() as f64;
        self.add(&format!("{when}an Ingress above 25 MiB"), "KiB", Goal::AtMost(8.0), each);
        Ok(())
    }

    async fn series(&mut self, changes: &mut Changes<'_>, when: &str) -> Result<()> {
        let count = self.options.changes;
        let before = changes.postern.metrics().await?;
        let certificates = changes.certificates(count).await?;
        self.spread(&format!("{when}certificate"), &certificates);
        let endpoints = changes.endpoints(count).await?;
        self.spread(&format!("{when}endpoints"), &endpoints);
        let after = changes.postern.metrics().await?;
        let more = |name| Ok::<_, anyhow::Error>(after.value(name)? - before.value(name)?);
        let compiles = more("postern_compile_seconds_count")?.max(1.0);
        let mean = more("postern_compile_seconds_sum")? / compiles * 1e3;
        self.note(&format!("{when}compile, mean of all"), "ms", mean);
        let seen = more("postern_propagation_seconds_count")?.max(1.0);
        let mean = more("postern_propagation_seconds_sum")? / seen * 1e3;
        self.note(&format!("{when}from notice to served, mean of all"), "ms", mean);
        Ok(())
    }

    fn spread(&mut self, what: &str, series: &Series) {
        let Series { live, compile } = series;
        self.note(&format!("{what} live, p50"), "ms", live.at(50));
        self.add(&format!("{what} live, p99"), "ms", Goal::AtMost(50.0), live.at(99));
        self.note(&format!("{what} live, max"), "ms", live.at(100));
        self.note(&format!("{what} compile, p50"), "ms", compile.at(50));
        self.add(&format!("{what} compile, p99"), "ms", Goal::AtMost(5.0), compile.at(99));
    }

    /// Waits until the leader has written all that there is to write; false if it takes too long.
    async fn settle(&self, postern: &Postern) -> Result<bool> {
        let start = Instant::now();
        let mut calm = Instant::now();
        let mut last = -1.0;
        while calm.elapsed() < CALM {
            if start.elapsed() > Duration::from_secs(self.options.settle) {
                return Ok(false);
            }
            sleep(Duration::from_millis(500)).await;
            let metrics = postern.metrics().await?;
            let writes = metrics.sum("postern_status_writes_total");
            let waits = metrics.value("postern_status_pending")?
                + metrics.value("postern_claims_unrecorded")?
                + 1.0
                - metrics.value("postern_leader")?;
            if waits > 0.0 || writes > last {
                calm = Instant::now();
            }
            last = writes;
        }
        Ok(true)
    }
}
