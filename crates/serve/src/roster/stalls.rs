// SPDX-License-Identifier: Apache-2.0
//! Exchanges that wait for their client, to take more of an answer or to send more of a request.
//!
//! By default nobody limits for how long a client may leave an answer untaken, as in Traefik, and each such request has
//! one of its tenant's places.  That is nobody's concern while there are others.  When there are none, the one that has
//! moved nothing for longest gives its place up, and its connection with it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Seat;
use super::list::{Linked, Links, List, Slab};
use crate::clock::Clock;
use crate::runtime::TenantRuntime;

/// Those of one tenant on one worker.
#[derive(Default)]
pub(crate) struct Stalled(Cell<List>);

/// Those of one worker.
#[derive(Default)]
pub(super) struct Stalls {
    waiting: Slab<Waiting>,
    all: List,
}

struct Waiting {
    /// Nothing once it was told to go.
    of: Option<(Rc<Seat>, Rc<TenantRuntime>)>,
    since: Instant,
    among_all: Links,
    among_own: Links,
}

const ALL: usize = 0;
const OWN: usize = 1;

impl Linked<ALL> for Waiting {
    fn links(&mut self) -> &mut Links {
        &mut self.among_all
    }
}

impl Linked<OWN> for Waiting {
    fn links(&mut self) -> &mut Links {
        &mut self.among_own
    }
}

impl Stalls {
    fn enter(&mut self, seat: Rc<Seat>, runtime: Rc<TenantRuntime>, since: Instant) -> u32 {
        let mut own = runtime.stalled.0.get();
        let (among_all, among_own) = (Links::default(), Links::default());
        let waiting = Waiting { of: Some((seat, runtime.clone())), since, among_all, among_own };
        let number = self.waiting.insert(waiting);
        self.all.push::<ALL, _>(&mut self.waiting, number);
        own.push::<OWN, _>(&mut self.waiting, number);
        runtime.stalled.0.set(own);
        number
    }

    fn leave(&mut self, number: u32) {
        self.take(number);
        self.waiting.free(number);
    }

    /// Takes one out of the lists, if it is in them; its number stays its own.
    fn take(&mut self, number: u32) -> Option<Rc<Seat>> {
        let (seat, runtime) = self.waiting[number].of.take()?;
        self.all.remove::<ALL, _>(&mut self.waiting, number);
        let mut own = runtime.stalled.0.get();
        own.remove::<OWN, _>(&mut self.waiting, number);
        runtime.stalled.0.set(own);
        Some(seat)
    }

    /// Takes the one out that has waited longest, of one tenant or of all, if it has for at least so long.
    pub(super) fn take_longest(
        &mut self,
        own: Option<&Stalled>,
        least: Duration,
        now: Instant,
    ) -> Option<Rc<Seat>> {
        loop {
            let number = own.map_or(self.all, |own| own.0.get()).first()?;
            if now.saturating_duration_since(self.waiting[number].since) < least {
                return None;
            }
            // Several may be on one connection.
            if let Some(seat) = self.take(number).filter(|seat| !seat.is_evicted()) {
                return Some(seat);
            }
        }
    }
}

/// Notes since when one exchange has waited for its client.
pub(crate) struct Watch {
    seat: Rc<Seat>,
    runtime: Rc<TenantRuntime>,
    /// Under which number, and what had moved by then.
    waits: Option<(u32, u64)>,
}

impl Watch {
    /// An exchange that does not wait.
    pub(crate) fn new(seat: Rc<Seat>, runtime: Rc<TenantRuntime>) -> Self {
        Self { seat, runtime, waits: None }
    }

    /// It waits for its client, which has taken and sent so many bytes by now; or does not wait for it.
    pub(crate) fn note(&mut self, moved: Option<u64>) {
        if self.waits.map(|(_, moved)| moved) == moved {
            return;
        }
        self.stop();
        if let Some(moved) = moved {
            let mut stalls = self.seat.roster.stalls.borrow_mut();
            let number = stalls.enter(self.seat.clone(), self.runtime.clone(), Clock.now());
            self.waits = Some((number, moved));
        }
    }

    fn stop(&mut self) {
        if let Some((number, _)) = self.waits.take() {
            self.seat.roster.stalls.borrow_mut().leave(number);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}
