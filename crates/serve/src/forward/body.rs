// SPDX-License-Identifier: Apache-2.0
//! The bodies that pass: concrete types, so that no piece of them is boxed.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use super::error::ForwardError;
use super::http1::Call;
use super::http2::Lease;
use crate::http::h1::pipe::Pipe;
use crate::roster::Watch;

/// The body of a request on its way to a backend.
pub(crate) enum RequestBody {
    /// None.
    Empty,
    /// From an HTTP/2 client.
    Http2(Upload),
    /// From an HTTP/1.1 client.
    Piped(Pipe),
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Http2(body) => Pin::new(body).poll_frame(cx),
            Self::Piped(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Http2(body) => body.is_end_stream(),
            Self::Piped(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Http2(body) => body.size_hint(),
            Self::Piped(body) => body.size_hint(),
        }
    }
}

/// The body of an HTTP/2 client's request.  Until its backend has begun to answer, each piece must come within a time:
/// after that, silence may be what the two have agreed upon.
pub(crate) struct Upload {
    body: Incoming,
    progress: Rc<Progress>,
    within: Duration,
    late: Option<Pin<Box<Sleep>>>,
}

/// What is seen of a request's body, by whoever answers it.
#[derive(Default)]
pub(crate) struct Progress {
    /// Bytes that were taken.
    pub(crate) bytes: Cell<u64>,
    /// Whether the answer has begun.
    pub(crate) is_answered: Cell<bool>,
    watch: RefCell<Option<Watch>>,
}

impl Progress {
    /// From now on, it is noted since when the client is waited for.
    pub(crate) fn watch(&self, watch: Option<Watch>) {
        self.watch.replace(watch);
    }

    fn waits(&self, waits: bool) {
        if let Some(watch) = &mut *self.watch.borrow_mut() {
            watch.note((waits && !self.is_answered.get()).then_some(self.bytes.get()));
        }
    }

    /// Notes that the answer has begun: from now on, silence may be what the two have agreed upon.
    pub(crate) fn answered(&self) {
        self.is_answered.set(true);
        self.watch(None);
    }
}

impl Upload {
    /// A body each piece of which must come within a time; zero is no limit.
    pub(crate) fn new(body: Incoming, progress: Rc<Progress>, within: Duration) -> Self {
        Self { body, progress, within, late: None }
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.within == Duration::ZERO || self.progress.is_answered.get() {
            return Poll::Pending;
        }
        let within = self.within;
        self.late.get_or_insert_with(|| Box::pin(sleep(within))).as_mut().poll(cx)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.late = None;
                this.progress.waits(false);
                if let Some(Ok(frame)) = &frame {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    this.progress.bytes.set(this.progress.bytes.get() + length);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|_| ForwardError::Client)))
            }
            Poll::Pending => {
                this.progress.waits(true);
                this.poll_late(cx).map(|()| Some(Err(ForwardError::ClientTimedOut)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer on its way to the client.
pub(crate) enum AnswerBody {
    /// None.
    Empty,
    /// Written by Postern.
    Text(&'static str),
    /// From a backend that speaks HTTP/1.1.
    Http1(Box<Call>),
    /// From a backend that speaks HTTP/2.
    Http2 {
        /// The body.
        body: Incoming,
        /// Given back with it.
        _lease: Lease,
    },
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Text(text) => {
                let text = Bytes::from_static(text.as_bytes());
                self.set(Self::Empty);
                Poll::Ready(Some(Ok(Frame::data(text))))
            }
            Self::Http1(body) => Pin::new(&mut **body).poll_frame(cx),
            Self::Http2 { body, .. } => Pin::new(body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.is_empty(),
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2 { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
            Self::Http1(body) => body.size_hint(),
            Self::Http2 { body, .. } => body.size_hint(),
        }
    }
}
