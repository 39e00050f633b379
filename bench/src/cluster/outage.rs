// SPDX-License-Identifier: Apache-2.0
//! The API server is killed and stays away for minutes, under traffic.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::OutageOptions;
use super::changes::{Changes, Series};
use super::ground::{BACKENDS, Ground};
use super::objects;
use super::postern::Postern;
use super::steady::Steady;
use crate::drive::report::{Goal, Line, Report};

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 250, 0, 10);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 250, 0, 11);
/// How many changes show that changes are followed.
const CHANGES: usize = 200;
/// How long the API server may take to come back.
const BACK: Duration = Duration::from_secs(120);

/// Measures, prints, and fails when a goal was missed.
pub(super) async fn run(options: &OutageOptions) -> Result<()> {
    crate::drive::warn_if_busy();
    let mut report = Report::default();
    LocalSet::new().run_until(measure(options, &mut report)).await?;
    println!("{report}");
    if let Some(out) = &options.out {
        std::fs::write(out, report.json(false))?;
    }
    if report.missed() > 0 {
        bail!("{} goals were missed", report.missed());
    }
    Ok(())
}

async fn measure(options: &OutageOptions, report: &mut Report) -> Result<()> {
    let mut add = |name: &str, unit, goal, value| {
        report.add(Line::new(name, unit, goal, &[("postern", value)]));
    };
    let (program, shape) = (&options.postern, options.shape);
    let mut ground = Ground::lay().await?;
    objects::fill(&ground.api, shape, &ground.authority, BACKENDS[0]).await?;
    let mut postern = Postern::start(program, ground.state(), FIRST, &[])?;
    postern.ready().await?;
    let before = Changes::new(&ground, &postern, shape)?.certificates(CHANGES).await?;
    add("before: certificate live, p99", "ms", Goal::None, before.live.at(99));
    let steady = Steady::start(&postern, shape, options.rate)?;
    ground.end_api_server()?;
    let began = Instant::now();
    let second = Postern::start(program, ground.state(), SECOND, &[])?;
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let (mut second_ready, mut first_unready) = (0, 0);
    while began.elapsed() < length {
        sleep(Duration::from_secs(1)).await;
        second_ready += u32::from(second.says_ready().await);
        first_unready += u32::from(!postern.says_ready().await);
    }
    add("length of the outage", "s", Goal::None, began.elapsed().as_secs_f64());
    add("the one that serves is not ready", "times", Goal::AtMost(0.0), f64::from(first_unready));
    add("one started meanwhile is ready", "times", Goal::AtMost(0.0), f64::from(second_ready));
    ground.let_api_server()?;
    ground.api = back(&ground).await?;
    let back = Instant::now();
    // Each kind has a watch of its own, and they come back one by one.
    let late = Changes::new(&ground, &postern, shape)?.endpoints(1).await?;
    add("back: first slice live", "ms", Goal::None, late.live.at(100));
    Changes::new(&ground, &postern, shape)?.certificates(1).await?;
    add("back: first certificate live after", "s", Goal::None, back.elapsed().as_secs_f64());
    ready(&second).await?;
    add("back: the other is ready after", "s", Goal::None, back.elapsed().as_secs_f64());
    let mut changes = Changes::new(&ground, &postern, shape)?;
    let Series { live, .. } = changes.certificates(CHANGES).await?;
    add("back: certificate live, p99", "ms", Goal::AtMost(50.0), live.at(99));
    let mut changes = Changes::new(&ground, &second, shape)?;
    let Series { live, .. } = changes.certificates(CHANGES).await?;
    add("back: certificate live at the other, p99", "ms", Goal::AtMost(50.0), live.at(99));
    let count = steady.stop();
    add("requests", "", Goal::None, count.answered as f64);
    add("requests that failed", "", Goal::AtMost(0.0), count.failed as f64);
    add("slowest request", "ms", Goal::None, count.slowest);
    for reason in &count.reasons {
        println!("failed: {reason}");
    }
    Ok(())
}

/// Waits until one that was started long ago is ready.
async fn ready(postern: &Postern) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < BACK {
        if postern.says_ready().await {
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
    bail!("the one started meanwhile does not become ready")
}

/// Waits until the API server says that it is ready.
async fn back(ground: &Ground) -> Result<super::api::Api> {
    let start = Instant::now();
    while start.elapsed() < BACK {
        if let Ok(api) = ground.reconnect().await
            && api.is_ready().await
        {
            return Ok(api);
        }
        sleep(Duration::from_millis(20)).await;
    }
    bail!("kube-apiserver does not come back")
}
