// SPDX-License-Identifier: Apache-2.0
//! A bystander: requests at a fixed rate over TLS connections that stay open, and how long each took.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_rustls::client::TlsStream;

use crate::client::{self, Offer};

/// How to pace.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the server listens.
    address: SocketAddr,
    /// The name to ask for.
    #[arg(long)]
    name: String,
    /// Requests a second over all connections.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// How many connections.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// For how long, in milliseconds, beginning when all connections are open.
    #[arg(long, default_value_t = 4000)]
    milliseconds: u64,
}

/// Runs and prints `requests=N failed=N p50_us=N p99_us=N max_us=N`.
pub(crate) fn run(options: &Options) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A server that stops answering must not keep us for ever.
    let limit = Duration::from_millis(options.milliseconds) + Duration::from_secs(5);
    let (mut took, failed) = LocalSet::new()
        .block_on(&runtime, async { tokio::time::timeout(limit, pace(options)).await })??;
    took.sort_unstable();
    ensure!(!took.is_empty(), "not one request was answered");
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_micros();
    let count = took.len();
    println!(
        "requests={count} failed={failed} p50_us={} p99_us={} max_us={}",
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

async fn pace(options: &Options) -> Result<(Vec<Duration>, usize)> {
    let connector = client::connector(Offer::default())?;
    let mut open = Vec::new();
    for number in 0..options.connections {
        open.push(client::connect(&connector, options.address, &options.name, number).await?);
    }
    let gap = Duration::from_secs(1) * options.connections / options.rate;
    let start = Instant::now();
    let end = start + Duration::from_millis(options.milliseconds);
    let tasks: Vec<_> = (0..)
        .zip(open)
        .map(|(number, stream)| {
            let first = start + gap * number / options.connections;
            let request = client::request(&options.name, "/s");
            tokio::task::spawn_local(one(stream, request, first, gap, end))
        })
        .collect();
    let mut all = Vec::new();
    let mut failed = 0;
    for task in tasks {
        let (took, broke) = task.await?;
        all.extend(took);
        failed += usize::from(broke);
    }
    Ok((all, failed))
}

/// One connection: a request is due every `gap`.  When the answer before was late, the time counts from when the
/// request was due, so that a stall is not left out; the timer's own lateness is not the server's and does not count.
async fn one(
    mut stream: TlsStream<TcpStream>,
    request: String,
    first: Instant,
    gap: Duration,
    end: Instant,
) -> (Vec<Duration>, bool) {
    let mut took = Vec::new();
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut due = first;
    while due < end {
        let mut start = due;
        if Instant::now() < due {
            tokio::time::sleep_until(due.into()).await;
            start = Instant::now();
        }
        if client::exchange(&mut stream, &request, &mut buffer).await.is_err() {
            return (took, true);
        }
        took.push(start.elapsed());
        due += gap;
    }
    (took, false)
}
