// SPDX-License-Identifier: Apache-2.0
//! The handshake gate: one costly step of a handshake per turn of the worker's loop, and the tenants in turn.
//!
//! Signing takes as long as fifty requests.  Without the gate, one tenant's handshakes would run back to back, and
//! everybody's requests would wait behind all of them; with it, whatever is ready is served between two steps.  This
//! is isolation, not tuning (I6).

mod fair_queue;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use postern_snapshot::TenantScope;
use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::clock::Clock;
use fair_queue::FairQueue;

/// What each later step of a handshake costs, in the gate's units.
const LATER_STEP: u32 = 1;
/// The gate's units in one ECDSA P-256 handshake.
pub(crate) const UNITS: u32 = 4;

/// One worker's gate.
#[derive(Default)]
pub(crate) struct Gate {
    waiting: RefCell<FairQueue<Rc<Waiter>>>,
    /// Whether this turn's step is taken: until the pump has seen the loop turn, everybody queues.
    taken: Cell<bool>,
    pump: Notify,
}

/// Nobody may wait any more: too many do, of this tenant or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

#[derive(Default)]
struct Waiter {
    answer: Cell<Option<Result<(), QueueFull>>>,
    waker: Cell<Option<Waker>>,
}

impl Gate {
    /// Waits for the right to do the first step of a handshake of `tenant`, which costs `cost`, before the next await.
    pub(crate) async fn first_step(
        &self,
        tenant: &TenantScope,
        cost: u32,
    ) -> Result<(), QueueFull> {
        if self.is_open() {
            return Ok(());
        }
        let waiter = Rc::new(Waiter::default());
        if let Some(refused) = self.waiting.borrow_mut().push(tenant, cost, waiter.clone()) {
            refused.answer(Err(QueueFull));
        }
        waiter.answered().await
    }

    /// The same for a later step: the client's Finished, a TLS 1.2 key exchange, the ClientHello after a
    /// HelloRetryRequest (the first one has paid for it).  It comes before the tenant's first steps: what was begun is
    /// ended before more is begun.
    pub(crate) async fn later_step(&self, tenant: &TenantScope) -> Result<(), QueueFull> {
        if self.is_open() {
            return Ok(());
        }
        let waiter = Rc::new(Waiter::default());
        self.waiting.borrow_mut().push_first(tenant, LATER_STEP, waiter.clone());
        waiter.answered().await
    }

    /// Takes this turn's step if nobody has: then nobody waits either.
    fn is_open(&self) -> bool {
        let open = !self.taken.replace(true);
        if open {
            self.pump.notify_one();
        }
        open
    }

    /// Opens the gate once a turn, for as long as the worker lives.
    pub(crate) async fn run(&self) {
        loop {
            self.pump.notified().await;
            // tokio resumes a task that yields when it has polled for I/O, after everything that this woke: one turn.
            yield_now().await;
            Clock::turn();
            while let Some(next) = self.next() {
                next.answer(Ok(()));
                yield_now().await;
                Clock::turn();
            }
            self.taken.set(false);
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.borrow().length
    }

    /// The next who still waits: some have given up meanwhile, and hold nothing but their place.
    fn next(&self) -> Option<Rc<Waiter>> {
        let mut waiting = self.waiting.borrow_mut();
        std::iter::from_fn(|| waiting.pop()).find(|waiter| Rc::strong_count(waiter) > 1)
    }
}

impl Waiter {
    async fn answered(&self) -> Result<(), QueueFull> {
        poll_fn(|cx| match self.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    fn answer(&self, answer: Result<(), QueueFull>) {
        self.answer.set(Some(answer));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
