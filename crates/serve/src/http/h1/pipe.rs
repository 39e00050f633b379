// SPDX-License-Identifier: Apache-2.0
//! A request's body between the task that reads it from its client and the one that sends it to an HTTP/2 backend: one
//! piece at a time, so that a slow backend holds the client back.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::forward::ForwardError;

#[derive(Default)]
struct Shared {
    piece: Option<Frame<Bytes>>,
    missing: Option<u64>,
    ended: bool,
    writer_gone: bool,
    reader_gone: bool,
    waiting: Option<Waker>,
}

impl Shared {
    fn wake(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

/// The end that is written to.  Dropped before [`Source::end`], it breaks the body off.
pub(crate) struct Source(Rc<RefCell<Shared>>);

/// The end that is read.
pub(crate) struct Pipe(Rc<RefCell<Shared>>);

/// A pipe for a body of `length` bytes, if that is known.
pub(crate) fn pipe(length: Option<u64>) -> (Source, Pipe) {
    let shared = Rc::new(RefCell::new(Shared { missing: length, ..Shared::default() }));
    (Source(shared.clone()), Pipe(shared))
}

impl Source {
    /// Ready when there is room for a piece; an error when nobody reads any more.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        let mut shared = self.0.borrow_mut();
        if shared.reader_gone {
            return Poll::Ready(Err(()));
        }
        if shared.piece.is_none() {
            return Poll::Ready(Ok(()));
        }
        shared.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Puts a piece in, once there is room.
    pub(crate) fn put(&self, piece: Frame<Bytes>) {
        let mut shared = self.0.borrow_mut();
        if let (Some(missing), Some(data)) = (&mut shared.missing, piece.data_ref()) {
            *missing = missing.saturating_sub(data.len() as u64);
        }
        shared.piece = Some(piece);
        shared.wake();
    }

    /// Says that nothing follows.
    pub(crate) fn end(&self) {
        let mut shared = self.0.borrow_mut();
        shared.ended = true;
        shared.wake();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        shared.writer_gone = true;
        shared.wake();
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut shared = self.0.borrow_mut();
        shared.reader_gone = true;
        shared.wake();
    }
}

impl Body for Pipe {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        let mut shared = self.0.borrow_mut();
        if let Some(piece) = shared.piece.take() {
            shared.wake();
            return Poll::Ready(Some(Ok(piece)));
        }
        if shared.ended {
            return Poll::Ready(None);
        }
        if shared.writer_gone {
            return Poll::Ready(Some(Err(ForwardError::Client)));
        }
        shared.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.borrow().missing {
            Some(length) => SizeHint::with_exact(length),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn next(pipe: &mut Pipe) -> Option<Result<Bytes, ForwardError>> {
        let frame = poll_fn(|cx| Pin::new(&mut *pipe).poll_frame(cx)).await;
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()))
    }

    #[tokio::test]
    async fn one_piece_at_a_time_and_then_the_end() {
        let (source, mut pipe) = pipe(Some(3));
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(source.poll_ready(&mut nobody).is_ready());
        source.put(Frame::data(Bytes::from_static(b"abc")));
        assert!(source.poll_ready(&mut nobody).is_pending());
        assert_eq!(next(&mut pipe).await.unwrap().unwrap(), "abc");
        assert_eq!(source.poll_ready(&mut nobody), Poll::Ready(Ok(())));
        source.end();
        assert!(next(&mut pipe).await.is_none());
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_does_not_look_complete() {
        let (source, mut pipe) = pipe(None);
        drop(source);
        assert!(next(&mut pipe).await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_writer_hears_that_nobody_reads() {
        let (source, pipe) = pipe(None);
        drop(pipe);
        assert_eq!(poll_fn(|cx| source.poll_ready(cx)).await, Err(()));
    }
}
