// SPDX-License-Identifier: Apache-2.0
//! Idle HTTP/1.1 connections to one tenant's backends, on one worker (wall W6): the last used is used first, so that
//! what a tenant no longer needs goes idle and is closed.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use postern_model::AppProtocol;
use postern_snapshot::{Backend, BackendSlot};

use crate::config::UpstreamConfig;
use crate::io::Io;

/// How often idle connections are looked at: those that their backend has closed go too.
const SWEEP: Duration = Duration::from_secs(5);

/// One tenant's idle connections on one worker.
#[derive(Default)]
pub(crate) struct Pool(Rc<Shelves>);

/// How many connections are idle on one worker, whoever's they are.
pub(crate) type OfAll = Rc<Cell<usize>>;

type Map<K> = HashMap<K, Vec<Idle>, foldhash::fast::RandomState>;

#[derive(Default)]
struct Shelves {
    /// In the clear, by address.
    clear: RefCell<Map<SocketAddr>>,
    /// With TLS: the name that was verified belongs to the key.
    tls: RefCell<Map<(SocketAddr, Arc<str>)>>,
    /// How many there are in both.
    count: Cell<usize>,
    of_all: OfAll,
    is_swept: Cell<bool>,
}

struct Idle {
    io: Io,
    since: Instant,
    /// The backend that it was used for.
    slot: BackendSlot,
}

/// Where a connection leads.
#[derive(Clone, Copy)]
pub(crate) struct Destination<'a> {
    /// The backend.
    pub(crate) backend: &'a Backend,
    /// The backend's number.
    pub(crate) slot: BackendSlot,
    /// The endpoint.
    pub(crate) endpoint: SocketAddr,
}

impl Pool {
    /// One among others.
    pub(crate) fn new(of_all: &OfAll) -> Self {
        let (clear, tls, count, is_swept) = Default::default();
        Self(Rc::new(Shelves { clear, tls, count, is_swept, of_all: of_all.clone() }))
    }

    /// An idle connection to `endpoint`, if there is one on which nothing has happened since it was put back: neither
    /// a close, nor bytes that nobody asked for, which would be taken for the next answer.
    pub(crate) fn take(&self, backend: &Backend, endpoint: SocketAddr) -> Option<Io> {
        if backend.protocol == AppProtocol::Https {
            let key = (endpoint, backend.server_name.clone());
            self.0.undisturbed(self.0.tls.borrow_mut().get_mut(&key)?)
        } else {
            self.0.undisturbed(self.0.clear.borrow_mut().get_mut(&endpoint)?)
        }
    }

    /// Puts a connection back, after an answer that ended cleanly.  It is closed where enough are kept: for its endpoint,
    /// or for the tenant, whose endpoints may be any number.
    pub(crate) fn put(&self, io: Io, to: Destination<'_>, config: &UpstreamConfig, now: Instant) {
        let Destination { backend, slot, endpoint } = to;
        let (own, all) = (self.0.count.get(), self.0.of_all.get());
        if own >= config.max_idle_per_tenant || all >= config.max_idle_per_worker {
            return;
        }
        let idle = Idle { io, since: now, slot };
        if backend.protocol == AppProtocol::Https {
            let key = (endpoint, backend.server_name.clone());
            self.0.keep(self.0.tls.borrow_mut().entry(key).or_default(), idle, config);
        } else {
            self.0.keep(self.0.clear.borrow_mut().entry(endpoint).or_default(), idle, config);
        }
        if !self.0.is_swept.replace(true) {
            tokio::task::spawn_local(sweep(Rc::downgrade(&self.0), config.idle_timeout));
        }
    }

    /// Whether there is no idle connection.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.count.get() == 0
    }

    /// Closes the connections to endpoints that their backends no longer have.
    pub(crate) fn leave(&self, has: impl Fn(BackendSlot, SocketAddr) -> bool) {
        let clear =
            retain(&mut self.0.clear.borrow_mut(), |endpoint, idle| has(idle.slot, *endpoint));
        let tls =
            retain(&mut self.0.tls.borrow_mut(), |(endpoint, _), idle| has(idle.slot, *endpoint));
        self.0.counts(clear + tls);
    }
}

impl Shelves {
    fn sweep(&self, idle_timeout: Duration) {
        let is_due =
            |idle: &Idle| idle_timeout != Duration::ZERO && idle.since.elapsed() >= idle_timeout;
        let stays = |idle: &mut Idle| !is_due(idle) && !idle.io.is_disturbed();
        let clear = retain(&mut self.clear.borrow_mut(), |_, idle| stays(idle));
        let tls = retain(&mut self.tls.borrow_mut(), |_, idle| stays(idle));
        self.counts(clear + tls);
    }

    fn counts(&self, now: usize) {
        let before = self.count.replace(now);
        self.of_all.set(self.of_all.get() + now - before);
    }

    fn undisturbed(&self, shelf: &mut Vec<Idle>) -> Option<Io> {
        while let Some(mut idle) = shelf.pop() {
            self.counts(self.count.get() - 1);
            if !idle.io.is_disturbed() {
                return Some(idle.io);
            }
        }
        None
    }

    fn keep(&self, shelf: &mut Vec<Idle>, idle: Idle, config: &UpstreamConfig) {
        if shelf.len() < config.max_idle_per_endpoint {
            self.counts(self.count.get() + 1);
            shelf.push(idle);
        }
    }
}

impl Drop for Shelves {
    fn drop(&mut self) {
        self.counts(0);
    }
}

/// Closes those that do not stay; returns how many are left.
fn retain<K: std::hash::Hash + Eq>(
    shelves: &mut Map<K>,
    mut stays: impl FnMut(&K, &mut Idle) -> bool,
) -> usize {
    let mut left = 0;
    shelves.retain(|key, shelf| {
        shelf.retain_mut(|idle| stays(key, idle));
        left += shelf.len();
        !shelf.is_empty()
    });
    left
}

/// Runs while there is something to sweep, and no longer than the pool lives.
async fn sweep(shelves: Weak<Shelves>, idle_timeout: Duration) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(shelves) = shelves.upgrade() else { return };
        shelves.sweep(idle_timeout);
        if shelves.count.get() == 0 {
            shelves.is_swept.set(false);
            return;
        }
    }
}
