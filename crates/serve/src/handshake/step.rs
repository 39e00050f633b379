// SPDX-License-Identifier: Apache-2.0
//! Drives a handshake so that everything that the client sends is processed in a turn of the gate: the first ClientHello
//! is not the only message that can be costly (a TLS 1.2 key exchange, the ClientHello after a HelloRetryRequest).

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use postern_snapshot::TenantScope;
use tokio::net::TcpStream;
use tokio_rustls::Accept;
use tokio_rustls::server::TlsStream;

use super::Ended;
use crate::clock::Clock;
use crate::worker::Worker;

type Outcome = io::Result<TlsStream<TcpStream>>;

/// Completes a handshake whose first step was done in the turn that is going on.
pub(super) async fn drive(
    worker: &Worker,
    tenant: &TenantScope,
    mut accept: Pin<Box<Accept<TcpStream>>>,
) -> Result<TlsStream<TcpStream>, Ended> {
    loop {
        let outcome = match poll_fn(|cx| Poll::Ready(poll(&mut accept, cx))).await {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => poll_fn(|cx| wait(&mut accept, cx)).await,
        };
        Clock::turn();
        if let Some(outcome) = outcome {
            return outcome.map_err(|_| Ended::Failed);
        }
        worker.gate.later_step(tenant).await?;
    }
}

fn poll(accept: &mut Pin<Box<Accept<TcpStream>>>, cx: &mut Context<'_>) -> Poll<Outcome> {
    accept.as_mut().poll(cx)
}

/// Waits until the client has sent something (nothing), or the rest of what it is owed is sent and that was all.
fn wait(accept: &mut Pin<Box<Accept<TcpStream>>>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
    let readable = accept.get_ref().is_none_or(|stream| stream.poll_read_ready(cx).is_ready());
    if readable {
        return Poll::Ready(None);
    }
    // Nothing to read, so this only writes.
    poll(accept, cx).map(Some)
}
