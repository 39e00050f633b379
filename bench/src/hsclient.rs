// SPDX-License-Identifier: Apache-2.0
//! Full handshakes, each on a connection and a source address of its own, with one request after it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustls::ProtocolVersion;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;

use crate::client::{self, Group, Offer};

/// How to load the server.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the server listens.
    address: SocketAddr,
    /// The names to ask for, in turn.
    #[arg(long = "name", required = true)]
    names: Vec<String>,
    /// How many handshakes run at the same time.
    #[arg(long, default_value_t = 16)]
    concurrent: u32,
    /// For how long, in milliseconds.
    #[arg(long, default_value_t = 2500)]
    milliseconds: u64,
    /// TLS 1.2 instead of 1.3.
    #[arg(long)]
    tls12: bool,
    /// The key exchange to offer.
    #[arg(long, value_enum, default_value_t = Group::X25519)]
    group: Group,
    /// Resume sessions where the server lets us.
    #[arg(long)]
    resume: bool,
}

#[derive(Clone, Copy, Default)]
struct Count {
    done: u64,
    failed: u64,
}

/// Runs and prints `done=N failed=N`.
pub(crate) fn run(options: &Options) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let version = if options.tls12 { ProtocolVersion::TLSv1_2 } else { ProtocolVersion::TLSv1_3 };
    let offer = Offer { version, group: options.group, resume: options.resume };
    let connector = client::connector(offer)?;
    let names: Rc<[String]> = options.names.clone().into();
    let end = Instant::now() + Duration::from_millis(options.milliseconds);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let total = local.block_on(&runtime, async {
        let loops: Vec<_> = (0..options.concurrent)
            .map(|first| {
                let work = Loop {
                    connector: connector.clone(),
                    address: options.address,
                    names: names.clone(),
                    next: first,
                    step: options.concurrent,
                };
                tokio::task::spawn_local(work.run(end))
            })
            .collect();
        let mut total = Count::default();
        for handle in loops {
            let count = handle.await?;
            total.done += count.done;
            total.failed += count.failed;
        }
        Ok::<_, anyhow::Error>(total)
    })?;
    println!("done={} failed={}", total.done, total.failed);
    Ok(())
}

struct Loop {
    connector: TlsConnector,
    address: SocketAddr,
    names: Rc<[String]>,
    next: u32,
    step: u32,
}

impl Loop {
    async fn run(mut self, end: Instant) -> Count {
        let mut count = Count::default();
        let mut buffer = Vec::with_capacity(16 * 1024);
        while Instant::now() < end {
            // A server that stops answering must not keep us beyond the end.
            let left = end.saturating_duration_since(Instant::now()) + Duration::from_secs(1);
            match tokio::time::timeout(left, self.once(&mut buffer)).await {
                Ok(Ok(())) => count.done += 1,
                Ok(Err(_)) | Err(_) => {
                    count.failed += 1;
                    // A server that refuses at once is not hammered.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        count
    }

    async fn once(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        let number = self.next;
        self.next = self.next.wrapping_add(self.step);
        let index = usize::try_from(number)? % self.names.len();
        let name = self.names[index].as_str();
        let mut stream = client::connect(&self.connector, self.address, name, number).await?;
        client::exchange(&mut stream, &client::request(name, "/s"), buffer).await
    }
}
