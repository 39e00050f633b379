// SPDX-License-Identifier: Apache-2.0
//! One timer for a connection.  It is armed seldom: a deadline that moves into the future lets an armed timer fire, and
//! is looked at again then.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A moment that can be waited for.
#[derive(Default)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Sets it to `after` from now; zero is never.
    pub(crate) fn set(&mut self, after: Duration) {
        self.at = (after != Duration::ZERO).then(|| Instant::now() + after);
    }

    /// Ready when it has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_passes_when_it_was_last_set_to() {
        let mut deadline = Deadline::default();
        let begun = Instant::now();
        deadline.set(Duration::from_secs(9));
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
        deadline.set(Duration::from_secs(2));
        assert!(poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await.is_pending());
        deadline.set(Duration::from_secs(5));
        poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn zero_is_never() {
        let mut deadline = Deadline::default();
        deadline.set(Duration::ZERO);
        let never = tokio::time::timeout(Duration::from_secs(99), poll_fn(|cx| deadline.poll(cx)));
        assert!(never.await.is_err());
    }
}
