// SPDX-License-Identifier: Apache-2.0
//! The connections of one worker by what they do, and by whose they are; every change takes constant time.
//!
//! A connection *waits* while no request of it is in flight: for the end of its first head (silent), or for its next one
//! (idle).  Only those that wait are in lists, each in the order of time, so the first has waited longest.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::Seat;
use super::list::{Linked, Links, List, Slab};
use crate::runtime::TenantRuntime;

/// For how long a connection may be silent before it is worth less than all others: browsers and backends say hello at
/// once, and two round trips more are a second on a bad line.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Who holds more than this part of the places pays for newcomers before anybody else does.
const STANDS_OUT: usize = 4;

/// Whose connection it is: an IPv6 address is one of 2^64 that its holder may choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Address {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(four) => Self::V4(four.to_bits()),
            IpAddr::V6(six) => Self::V6((six.to_bits() >> 64) as u64),
        }
    }
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has not had a whole head of a request yet.
    Silent,
    /// It has had requests, and none is in flight.
    Idle,
    /// A request is in flight.
    Busy,
    /// It was told to go.
    Leaving,
}

struct Row {
    seat: Option<Rc<Seat>>,
    state: State,
    /// Of this state.
    since: Instant,
    peer: u32,
    /// Among its peer's, silent or idle.
    own: Links,
    /// Among all that are silent.
    silent: Links,
    /// To whom its handshake admitted it.
    tenant: Option<Rc<TenantRuntime>>,
    /// Among those of its tenant that wait.
    of_tenant: Links,
}

/// The connections of one tenant on one worker.
#[derive(Default)]
pub(crate) struct Admittances {
    open: Cell<usize>,
    /// Those that wait.
    waiting: Cell<List>,
}

#[derive(Debug, Default)]
struct Peer {
    /// Nothing for one connection of a proxy that is trusted: it may be anybody's.
    address: Option<Address>,
    connections: u32,
    /// How many of them wait.
    waiting: usize,
    silent: List,
    idle: List,
    /// Among the peers of whom as many wait.
    equals: Links,
}

const OWN: usize = 0;
const SILENT: usize = 1;
const TENANT: usize = 2;

impl Linked<OWN> for Row {
    fn links(&mut self) -> &mut Links {
        &mut self.own
    }
}

impl Linked<SILENT> for Row {
    fn links(&mut self) -> &mut Links {
        &mut self.silent
    }
}

impl Linked<TENANT> for Row {
    fn links(&mut self) -> &mut Links {
        &mut self.of_tenant
    }
}

impl Linked<OWN> for Peer {
    fn links(&mut self) -> &mut Links {
        &mut self.equals
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Rows {
    rows: Slab<Row>,
    peers: Slab<Peer>,
    by_address: HashMap<Address, u32, foldhash::fast::RandomState>,
    silent: List,
    /// The peers by how many of their connections wait.
    by_waiting: Vec<List>,
    /// The most that wait of one peer.
    most: usize,
    /// Connections that were not told to go.
    open: usize,
}

impl Rows {
    /// How many connections there are that were not told to go.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Adds a connection that is silent; without an address it is like nobody else's.
    pub(super) fn enter(&mut self, address: Option<Address>, seat: Rc<Seat>, now: Instant) -> u32 {
        let mut new = || self.peers.insert(Peer { address, ..Peer::default() });
        let peer = match address {
            Some(address) => *self.by_address.entry(address).or_insert_with(new),
            None => new(),
        };
        self.peers[peer].connections += 1;
        self.open += 1;
        let [own, silent, of_tenant] = [Links::default(); 3];
        let row = self.rows.insert(Row {
            seat: Some(seat),
            state: State::Silent,
            since: now,
            peer,
            own,
            silent,
            tenant: None,
            of_tenant,
        });
        self.wait(row);
        row
    }

    /// Admits a connection that is silent to a tenant.
    pub(super) fn admit(&mut self, row: u32, tenant: Rc<TenantRuntime>) {
        if self.rows[row].state == State::Silent {
            let open = &tenant.admittances.open;
            open.set(open.get() + 1);
            self.rows[row].tenant = Some(tenant);
            self.of_tenant(row, List::push::<TENANT, _>);
        }
    }

    /// Which of a tenant's connections goes when one more comes; nothing if there are fewer than `limit`, and no row if
    /// all of them have requests in flight.
    pub(super) fn victim_of(tenant: &Admittances, limit: usize) -> Option<Option<u32>> {
        (tenant.open.get() >= limit).then(|| tenant.waiting.get().first())
    }

    /// A request is in flight.
    pub(super) fn busy(&mut self, row: u32) {
        if matches!(self.rows[row].state, State::Silent | State::Idle) {
            self.stop_waiting(row);
            self.rows[row].state = State::Busy;
        }
    }

    /// None is any more.
    pub(super) fn idle(&mut self, row: u32, now: Instant) {
        if self.rows[row].state == State::Busy {
            self.rows[row].state = State::Idle;
            self.rows[row].since = now;
            self.wait(row);
        }
    }

    /// What a connection does.
    pub(super) fn state(&self, row: u32) -> State {
        self.rows[row].state
    }

    /// Tells a connection to go.
    pub(super) fn evict(&mut self, row: u32) -> Option<Rc<Seat>> {
        let state = self.rows[row].state;
        if state != State::Leaving {
            self.open -= 1;
            if let Some(tenant) = &self.rows[row].tenant {
                let open = &tenant.admittances.open;
                open.set(open.get() - 1);
            }
        }
        if matches!(state, State::Silent | State::Idle) {
            self.stop_waiting(row);
        }
        self.rows[row].state = State::Leaving;
        self.rows[row].seat.clone()
    }

    /// Forgets a connection that has ended; what it kept is dropped when the rows are no longer borrowed.
    pub(super) fn leave(&mut self, row: u32) -> (Option<Rc<Seat>>, Option<Rc<TenantRuntime>>) {
        self.evict(row);
        let number = self.rows[row].peer;
        let peer = &mut self.peers[number];
        peer.connections -= 1;
        if peer.connections == 0 {
            if let Some(address) = peer.address {
                self.by_address.remove(&address);
            }
            self.peers.free(number);
        }
        self.rows.free(row);
        (self.rows[row].seat.take(), self.rows[row].tenant.take())
    }

    /// Which of `places` connections goes when one more comes: see `Roster`.
    pub(super) fn victim(&self, places: usize, now: Instant) -> Option<u32> {
        let peer = self.by_waiting.get(self.most).and_then(List::first)?;
        let peer = &self.peers[peer];
        let stale = |list: &List| list.first().filter(|row| self.waited(*row, now) >= PATIENCE);
        let stands_out = peer.waiting > places / STANDS_OUT;
        let silent = stale(&peer.silent);
        if let Some(victim) = silent.or_else(|| stale(&self.silent).filter(|_| !stands_out)) {
            return Some(victim);
        }
        let both = [peer.silent.first(), peer.idle.first()];
        both.into_iter().flatten().min_by_key(|row| self.rows[*row].since)
    }

    fn waited(&self, row: u32, now: Instant) -> Duration {
        now.saturating_duration_since(self.rows[row].since)
    }

    fn wait(&mut self, row: u32) {
        let (state, peer) = (self.rows[row].state, self.rows[row].peer);
        if state == State::Silent {
            self.silent.push::<SILENT, _>(&mut self.rows, row);
            self.peers[peer].silent.push::<OWN, _>(&mut self.rows, row);
        } else {
            self.peers[peer].idle.push::<OWN, _>(&mut self.rows, row);
        }
        self.of_tenant(row, List::push::<TENANT, _>);
        let waiting = self.peers[peer].waiting;
        self.rank(peer, waiting + 1);
    }

    fn stop_waiting(&mut self, row: u32) {
        let (state, peer) = (self.rows[row].state, self.rows[row].peer);
        if state == State::Silent {
            self.silent.remove::<SILENT, _>(&mut self.rows, row);
            self.peers[peer].silent.remove::<OWN, _>(&mut self.rows, row);
        } else {
            self.peers[peer].idle.remove::<OWN, _>(&mut self.rows, row);
        }
        self.of_tenant(row, List::remove::<TENANT, _>);
        let waiting = self.peers[peer].waiting;
        self.rank(peer, waiting - 1);
    }

    /// Changes the list of those of a connection's tenant that wait.
    fn of_tenant(&mut self, row: u32, change: impl Fn(&mut List, &mut Slab<Row>, u32)) {
        let Some(tenant) = &self.rows[row].tenant else { return };
        let tenant = tenant.clone();
        let mut waiting = tenant.admittances.waiting.get();
        change(&mut waiting, &mut self.rows, row);
        tenant.admittances.waiting.set(waiting);
    }

    /// Puts a peer among those of whom as many wait as of it: one more or less than before.
    fn rank(&mut self, number: u32, waiting: usize) {
        let former = std::mem::replace(&mut self.peers[number].waiting, waiting);
        if former > 0 {
            self.by_waiting[former].remove::<OWN, _>(&mut self.peers, number);
        }
        if waiting > 0 {
            if self.by_waiting.len() <= waiting {
                self.by_waiting.resize(waiting + 1, List::default());
            }
            self.by_waiting[waiting].push::<OWN, _>(&mut self.peers, number);
        }
        if waiting > self.most {
            self.most = waiting;
        } else if former == self.most && self.by_waiting[former].first().is_none() {
            // The peer itself is there now, or nobody waits at all.
            self.most = waiting;
        }
    }
}

#[cfg(test)]
impl Rows {
    /// Panics unless what is counted is what is there.
    pub(super) fn check(&self) {
        let of = |list: &List| {
            let mut found = Vec::new();
            let mut next = list.first();
            while let Some(row) = next {
                found.push(row);
                next = self.rows[row].own.next();
            }
            found
        };
        let mut most = 0;
        for waiting in 1..self.by_waiting.len() {
            let mut next = self.by_waiting[waiting].first();
            while let Some(number) = next {
                let peer = &self.peers[number];
                let (silent, idle) = (of(&peer.silent), of(&peer.idle));
                assert_eq!(peer.waiting, waiting);
                assert_eq!(silent.len() + idle.len(), waiting);
                assert!(silent.iter().all(|row| self.rows[*row].state == State::Silent));
                assert!(idle.iter().all(|row| self.rows[*row].state == State::Idle));
                most = waiting;
                next = peer.equals.next();
            }
        }
        assert_eq!(self.most, most);
    }
}
