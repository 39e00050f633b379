// SPDX-License-Identifier: Apache-2.0
//! Traffic at a modest rate, half of it on new TLS connections, half on one that stays open; every failure counts.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;

use super::objects::Shape;
use super::postern::Postern;
use crate::client::{self, Offer};

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of all requests so far.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) answered: usize,
    pub(super) failed: usize,
    /// Why, of the first few.
    pub(super) reasons: Vec<String>,
    /// How long the slowest took, in milliseconds.
    pub(super) slowest: f64,
}

/// Traffic that goes on until it is dropped.
pub(super) struct Steady {
    count: Rc<RefCell<Count>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Steady {
    /// Starts it, on a `LocalSet`.
    pub(super) fn start(postern: &Postern, shape: Shape, rate: u32) -> Result<Self> {
        let count = Rc::new(RefCell::new(Count::default()));
        let connector = client::connector(Offer::default())?;
        let gap = Duration::from_secs(2) / rate.max(2);
        let (web, websecure) = (postern.web(), postern.websecure());
        let fresh = New { connector, to: websecure };
        let new =
            tokio::task::spawn_local(every(gap, count.clone(), shape, async move |n, host| {
                fresh.request(n, &host).await
            }));
        let kept = Rc::new(RefCell::new(None::<TcpStream>));
        let old =
            tokio::task::spawn_local(every(gap, count.clone(), shape, async move |_, host| {
                let open = kept.take();
                let mut stream = match open {
                    Some(stream) => stream,
                    None => TcpStream::connect(web).await?,
                };
                let mut answer = Vec::new();
                client::exchange(&mut stream, &client::request(&host, "/s"), &mut answer).await?;
                kept.replace(Some(stream));
                Ok(())
            }));
        Ok(Self { count, tasks: vec![new, old] })
    }

    /// Ends it.
    pub(super) fn stop(self) -> Count {
        self.count.take()
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct New {
    connector: TlsConnector,
    to: std::net::SocketAddr,
}

impl New {
    async fn request(&self, number: u32, host: &str) -> Result<()> {
        let mut stream = client::connect(&self.connector, self.to, host, number).await?;
        let mut answer = Vec::new();
        client::exchange(&mut stream, &client::request(host, "/s"), &mut answer).await
    }
}

/// One request after the other, each when it is due.
async fn every(
    gap: Duration,
    count: Rc<RefCell<Count>>,
    shape: Shape,
    request: impl AsyncFn(u32, String) -> Result<()>,
) {
    let mut ticks = interval(gap);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let number = fastrand::usize(0..shape.ingresses());
        let start = Instant::now();
        let from = fastrand::u32(1..1 << 20);
        let answer = timeout(PATIENCE, request(from, shape.site(number).host())).await;
        let mut count = count.borrow_mut();
        match answer {
            Ok(Ok(())) => {
                count.answered += 1;
                count.slowest = count.slowest.max(start.elapsed().as_secs_f64() * 1e3);
            }
            failed => {
                count.failed += 1;
                let reason = failed.map_or_else(
                    |_| "no answer in time".to_owned(),
                    |answer| answer.err().map(|error| format!("{error:#}")).unwrap_or_default(),
                );
                if count.reasons.len() < 5 {
                    count.reasons.push(reason);
                }
            }
        }
    }
}
