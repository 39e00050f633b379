// SPDX-License-Identifier: Apache-2.0
//! Runs what hyper wants run on the worker's own thread, and a stream for as long only as its host is its tenant's.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::Executor;
use pin_project_lite::pin_project;

use crate::exchange::Tenure;
use crate::worker::Worker;

/// Spawns onto the worker: a stream never leaves its thread, and a panic ends it alone.
#[derive(Clone)]
pub(crate) struct Local(pub(crate) Rc<Worker>);

impl<F: Future<Output = ()> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        self.0.spawn(Task { future, worker: self.0.clone(), tenure: None });
    }
}

pin_project! {
    /// A task of hyper's.  It is dropped as a whole when its exchange must not go on: an answer for which the client has
    /// no window is not even asked for its next piece.  What is dropped in the middle, h2 resets.
    struct Task<F> {
        #[pin]
        future: F,
        worker: Rc<Worker>,
        tenure: Option<Tenure>,
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if let Some(tenure) = this.tenure {
            return match tenure.poll_lost(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => this.future.poll(cx),
            };
        }
        // One that panicked may have left its own.
        drop(this.worker.tenures.take_handed());
        let polled = this.future.poll(cx);
        *this.tenure = this.worker.tenures.take_handed();
        match this.tenure {
            Some(tenure) if polled.is_pending() => tenure.poll_lost(cx),
            _ => polled,
        }
    }
}
