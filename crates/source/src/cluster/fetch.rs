// SPDX-License-Identifier: Apache-2.0
//! Secrets read by name: once, when something begins to refer to one, or again and again where watching is not granted
//! or would take too many watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kube::Client;
use serde_json::value::RawValue;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Instant, timeout_at};

use super::contact::Contact;
use super::error::RequestError;
use super::event::{self, Item, ItemName};
use super::informer::{InformerId, News, Word};
use super::lines::Lines;
use super::pulse::{Pulse, Wait};
use super::target::Target;

/// How many requests are under way at once.
const AT_ONCE: usize = 16;
/// Watches wait no longer until everything was read.
const READING: Duration = Duration::from_secs(10);
/// How often a Secret that cannot be watched is read.
const PERIOD: Duration = Duration::from_secs(30);

/// Reads Secrets.
#[derive(Clone)]
pub(super) struct Fetcher {
    client: Client,
    outbox: mpsc::Sender<Word>,
    pulse: Pulse,
    turns: Arc<Semaphore>,
    looks: Arc<Looks>,
}

/// How many Secrets are to be read before they are watched.
#[derive(Debug, Default)]
struct Looks {
    outstanding: AtomicUsize,
    none: Notify,
}

/// One Secret that is to be read before it is watched; it was, when this is dropped.
#[derive(Debug)]
pub(super) struct Look(Arc<Looks>);

impl Drop for Look {
    fn drop(&mut self) {
        if self.0.outstanding.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

impl Fetcher {
    pub(super) fn new(client: Client, outbox: mpsc::Sender<Word>, pulse: Pulse) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { client, outbox, pulse, turns, looks: Arc::default() }
    }

    /// Reads a Secret until there is an answer.
    pub(super) async fn fetch(self, target: Target, name: ItemName, contact: Arc<Contact>) {
        let mut pace = self.pulse.pace();
        let found = loop {
            pace.begins();
            match self.get(&target, &name.name).await {
                Ok((item, _)) => {
                    contact.is_well();
                    break Some(item);
                }
                Err(RequestError::NotFound | RequestError::Forbidden) => break None,
                Err(error) => {
                    contact.fails(&error);
                    pace.rests(Wait::after(&error)).await;
                }
            }
        };
        // Nobody listens any more if this fails, so nobody misses it.
        let _ = self.outbox.send(Word::Fetched(name, found)).await;
    }

    /// Reads a Secret for ever, and tells what an informer would.
    pub(super) async fn poll(self, id: InformerId, target: Target, contact: Arc<Contact>) {
        let mut pace = self.pulse.pace();
        let Some(name) = target.name.clone() else { return };
        loop {
            pace.begins();
            let news = match self.get(&target, &name).await {
                Ok((item, _)) => vec![News::Listing, News::Present(item), News::Listed(None)],
                Err(RequestError::NotFound) => vec![News::Listing, News::Listed(None)],
                Err(error @ RequestError::Forbidden) => {
                    contact.fails(&error);
                    vec![News::Denied]
                }
                Err(error) => {
                    contact.fails(&error);
                    pace.rests(Wait::after(&error)).await;
                    continue;
                }
            };
            if !matches!(news[0], News::Denied) {
                contact.touch();
                contact.is_well();
            }
            pace.succeeds();
            for news in news {
                if self.outbox.send(Word::News(id, news)).await.is_err() {
                    return;
                }
            }
            pace.rests(Wait::Just(PERIOD)).await;
        }
    }

    /// Reads a Secret, and says its version.
    async fn get(&self, target: &Target, name: &str) -> Result<(Item, String), RequestError> {
        let _turn = self.turn().await?;
        self.ask(&target.object(name)).await
    }

    /// Reads a Secret that is watched next, which brings what has changed since: a server with a cache need not ask its
    /// store.
    pub(super) async fn glance(
        &self,
        target: &Target,
        name: &str,
    ) -> Result<(Item, String), RequestError> {
        let _turn = self.turn().await?;
        self.ask(&format!("{}?resourceVersion=0", target.object(name))).await
    }

    async fn ask(&self, url: &str) -> Result<(Item, String), RequestError> {
        let answer = Lines::open(&self.client, url).await?;
        let answer = answer.whole().await?;
        let object: &RawValue = event::parse(answer.read())?;
        event::item(object)
    }

    /// One more Secret is to be read before it is watched.
    pub(super) fn look(&self) -> Look {
        self.looks.outstanding.fetch_add(1, Ordering::AcqRel);
        Look(self.looks.clone())
    }

    /// Waits for a turn to open a watch: reading comes first, since whoever starts waits for that alone.
    pub(super) async fn turn_to_watch(&self) -> Result<SemaphorePermit<'_>, RequestError> {
        let until = Instant::now() + READING;
        loop {
            let none = self.looks.none.notified();
            if self.looks.outstanding.load(Ordering::Acquire) == 0
                || timeout_at(until, none).await.is_err()
            {
                return self.turn().await;
            }
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, RequestError> {
        self.turns.acquire().await.map_err(|_| RequestError::Stopped)
    }
}
