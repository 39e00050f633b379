// SPDX-License-Identifier: Apache-2.0
//! What an exchange waits for, and for how long it may.

use std::task::{Context, Poll};
use std::time::Duration;

use super::{End, Phase, Relay, State};

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    /// The client, to send more of the request's body.
    Request,
    /// The client, to take more of the answer.
    Client,
    /// The backend, to begin its answer.
    Head,
}

impl Relay<'_> {
    /// Ready when what is waited for came too late.
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let wait = self.waits_for();
        if wait == Wait::Nothing {
            return Poll::Pending;
        }
        if wait != self.state.wait {
            self.state.wait = wait;
            self.deadline.set(self.limit(wait));
        }
        self.deadline.poll(cx)
    }

    /// Notes since when the client has moved nothing that is waited for.  Silence after the answer has begun, or before a
    /// backend has said 100, may be what the two have agreed upon.
    pub(super) fn watch(&mut self) {
        let waits = match self.wait() {
            Wait::Client => true,
            Wait::Request => {
                let State { continued, began_body, .. } = self.state;
                let asks_first = self.plan.shape.expects_continue && !continued && !began_body;
                !self.has_begun_answer() && !asks_first
            }
            Wait::Nothing | Wait::Head => false,
        };
        if waits && self.state.watch.is_none() {
            self.state.watch = self.exchange.watch();
        }
        if let Some(watch) = &mut self.state.watch {
            let moved = self.client.written + self.exchange.request_bytes;
            watch.note(waits.then_some(moved));
        }
    }

    fn waits_for(&self) -> Wait {
        let wait = self.wait();
        if self.limit(wait) == Duration::ZERO { Wait::Nothing } else { wait }
    }

    fn wait(&self) -> Wait {
        if !self.client.outbox.is_empty() {
            Wait::Client
        } else if self.upstream.outbox.is_empty()
            && !self.plan.shape.body.is_over()
            && !self.state.refuses_more
        {
            Wait::Request
        } else if matches!(self.state.phase, Phase::Head(_)) {
            Wait::Head
        } else {
            Wait::Nothing
        }
    }

    fn limit(&self, wait: Wait) -> Duration {
        let connection = self.exchange.connection();
        match wait {
            Wait::Nothing => Duration::ZERO,
            Wait::Request => connection.config.timeouts.read,
            Wait::Client => connection.config.timeouts.write,
            Wait::Head => connection.worker.config.upstream.response_header_timeout,
        }
    }

    /// How an exchange ends that is too late.
    pub(super) fn timed_out(&self) -> End {
        match self.state.wait {
            _ if self.has_begun_answer() => End::Cut,
            Wait::Request => End::ClientTimeout,
            Wait::Client => End::ClientGone,
            Wait::Head | Wait::Nothing => End::BackendTimeout,
        }
    }
}
