// SPDX-License-Identifier: Apache-2.0
//! The tunnel that an upgraded connection becomes: bytes both ways until both sides have closed.
//!
//! A tunnel holds no buffer while nothing moves: bytes are read into the thread's scratch buffer, and only what the
//! other side does not take at once is kept, which is never more than one scratch buffer a direction.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::exchange::Exchange;
use crate::roster::Watch;

/// The most bytes that are read at once, and so the most that a direction keeps.
const SCRATCH: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// How many bytes a tunnel carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// From the client to the backend.
    pub(crate) up: u64,
    /// From the backend to the client.
    pub(crate) down: u64,
}

/// Carries bytes as [`tunnel`] does, for as long as the name that was asked for is its tenant's: a tunnel does not outlive
/// the transfer of its host, nor its release.
pub(crate) async fn tunnel_of<C, B>(
    exchange: &Exchange,
    client: C,
    backend: B,
) -> io::Result<Carried>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let Some(tenure) = exchange.tenure() else { return Err(io::ErrorKind::NotConnected.into()) };
    let half_closed = exchange.connection().config.timeouts.idle;
    let watch = exchange.watch();
    let carried = tenure.hold(pin!(tunnel(client, backend, half_closed, watch))).await;
    carried.unwrap_or_else(|| Err(io::ErrorKind::ConnectionAborted.into()))
}

/// Carries bytes between `client` and `backend` until both have closed, or one fails.
///
/// A quiet tunnel lives on for as long as both sides keep it (as in Traefik; WebSockets are quiet most of the time).
/// Once one side has closed, the other must move within `half_closed`, so that nobody can leave halves behind; zero
/// means no limit.
async fn tunnel<C, B>(
    client: C,
    backend: B,
    half_closed: Duration,
    watch: Option<Watch>,
) -> io::Result<Carried>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut watch = watch;
    let mut client = client;
    let mut backend = backend;
    let mut up = Direction::default();
    let mut down = Direction::default();
    let mut limit = pin!(HalfClosed { within: half_closed, since: None, carried: 0, sleep: None });
    poll_fn(|cx| {
        let to_backend = up.poll(cx, Pin::new(&mut client), Pin::new(&mut backend))?;
        let to_client = down.poll(cx, Pin::new(&mut backend), Pin::new(&mut client))?;
        if let Some(watch) = &mut watch {
            watch.note((!down.kept.is_empty()).then_some(down.carried));
        }
        if to_backend.is_ready() && to_client.is_ready() {
            return Poll::Ready(Ok(Carried { up: up.carried, down: down.carried }));
        }
        if to_backend.is_ready() || to_client.is_ready() {
            ready!(limit.as_mut().poll(cx, up.carried + down.carried));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    })
    .await
}

/// One way through the tunnel.
#[derive(Default)]
struct Direction {
    /// Read, and not yet taken by the other side.
    kept: Bytes,
    /// Whether there may be bytes that the other side has taken but not sent.
    unflushed: bool,
    ended: bool,
    closed: bool,
    carried: u64,
}

impl Direction {
    /// Ready when the end of `from` was passed on to `to`.
    fn poll<F: AsyncRead, T: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut F>,
        mut to: Pin<&mut T>,
    ) -> Poll<io::Result<()>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        loop {
            while !self.kept.is_empty() {
                let written = ready!(to.as_mut().poll_write(cx, &self.kept))?;
                self.took(written)?;
                self.kept.advance(written);
            }
            if self.ended {
                ready!(to.as_mut().poll_shutdown(cx))?;
                self.closed = true;
                return Poll::Ready(Ok(()));
            }
            if self.step(cx, from.as_mut(), to.as_mut())?.is_pending() {
                if self.unflushed {
                    ready!(to.as_mut().poll_flush(cx))?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
        }
    }

    /// Reads once, and offers what was read.
    fn step<F: AsyncRead, T: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut F>,
        to: Pin<&mut T>,
    ) -> Poll<io::Result<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(from.poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                self.ended = true;
                return Poll::Ready(Ok(()));
            }
            let written = match to.poll_write(cx, read)? {
                Poll::Ready(written) => {
                    self.took(written)?;
                    written
                }
                Poll::Pending => 0,
            };
            if written < read.len() {
                self.kept = Bytes::copy_from_slice(&read[written..]);
            }
            Poll::Ready(Ok(()))
        })
    }

    fn took(&mut self, written: usize) -> io::Result<()> {
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.carried += written as u64;
        self.unflushed = true;
        Ok(())
    }
}

/// The time that the half of a tunnel may stand still.
struct HalfClosed {
    within: Duration,
    since: Option<Instant>,
    carried: u64,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HalfClosed {
    /// Ready when nothing has moved for too long.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, carried: u64) -> Poll<()> {
        if self.within == Duration::ZERO {
            return Poll::Pending;
        }
        if self.since.is_none() || self.carried != carried {
            self.since = Some(Instant::now());
            self.carried = carried;
        }
        loop {
            let deadline = self.since.map_or_else(Instant::now, |since| since + self.within);
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_and_each_half_closes_on_its_own() {
        let (mut client, near) = duplex(64);
        let (far, mut backend) = duplex(64);
        let run = tunnel(near, far, Duration::ZERO, None);
        let ends = async {
            client.write_all(b"hello").await.unwrap();
            client.shutdown().await.unwrap();
            let mut asked = Vec::new();
            backend.read_to_end(&mut asked).await.unwrap();
            assert_eq!(asked, b"hello");
            backend.write_all(b"good bye").await.unwrap();
            backend.shutdown().await.unwrap();
            let mut answered = Vec::new();
            client.read_to_end(&mut answered).await.unwrap();
            assert_eq!(answered, b"good bye");
        };
        let (carried, ()) = tokio::join!(run, ends);
        assert_eq!(carried.unwrap(), Carried { up: 5, down: 8 });
    }

    #[tokio::test]
    async fn a_slow_reader_holds_the_writer_back() {
        let (mut client, near) = duplex(1024);
        let (far, backend) = duplex(1024);
        let mut run = pin!(tunnel(near, far, Duration::ZERO, None));
        let mut taken = 0_usize;
        poll_fn(|cx| {
            loop {
                assert!(run.as_mut().poll(cx).is_pending());
                match Pin::new(&mut client).poll_write(cx, &[0; 1024]) {
                    Poll::Ready(written) => taken += written.unwrap(),
                    Poll::Pending => return Poll::Ready(()),
                }
            }
        })
        .await;
        assert!(taken <= 2 * 1024 + SCRATCH, "{taken} bytes are on their way");
        drop(backend);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_tunnel_does_not_stand_for_ever() {
        let (mut client, near) = duplex(64);
        let (far, _backend) = duplex(64);
        client.shutdown().await.unwrap();
        let end = tunnel(near, far, Duration::from_secs(3), None).await.unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::TimedOut);
    }
}
