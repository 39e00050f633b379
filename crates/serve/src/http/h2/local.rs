// SPDX-License-Identifier: Apache-2.0
//! Runs what hyper wants run on the worker's own thread.

use std::rc::Rc;

use hyper::rt::Executor;

use crate::worker::Worker;

/// Spawns onto the worker: a stream never leaves its thread, and a panic ends it alone.
#[derive(Clone)]
pub(crate) struct Local(pub(crate) Rc<Worker>);

impl<F: Future<Output = ()> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
