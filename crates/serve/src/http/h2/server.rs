// SPDX-License-Identifier: Apache-2.0
//! One HTTP/2 connection of a client: over TLS by ALPN, or in the clear with prior knowledge (RFC 9113, 3.2 and 3.3).
//!
//! What a client can make Postern hold is bounded by the settings below; what it can make Postern do in vain, by `life`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};

use crate::config::HttpLimits;
use crate::connection::Connection;
use crate::http::h2::life::{Ending, Life};
use crate::http::h2::stream::answer;
use crate::http::h2::{Local, Turns};
use crate::io::Io;
use crate::worker::Worker;

/// What a client may send of one request's body before the backend has taken it.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all requests of a connection.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is kept of one answer for a client that does not take it (h2 counts it a stream).
const SEND_BUFFER: usize = 32 * 1024;
/// The most decoded bytes of a request's head, whatever is configured for HTTP/1.1: with HPACK a few hundred bytes on
/// the wire decode to a megabyte, on every stream at once (CVE-2026-49975).
const MOST_HEADER_BYTES: usize = 64 * 1024;
/// Streams that were reset before they were looked at: more in one go is an attack (CVE-2023-44487).
const MOST_PENDING_RESETS: usize = 20;
/// Streams that the client made Postern reset (CVE-2025-8671).
const MOST_LOCAL_RESETS: usize = 200;
/// For how long a connection that was told to go may stay without streams.
const FAREWELL: Duration = Duration::from_secs(1);
/// Serves a connection until it ends.
pub(crate) async fn serve(connection: Rc<Connection>, io: Io) {
    let life = Life::new(connection.config.timeouts, connection.seat.clone());
    let service = service_fn({
        let (connection, life) = (connection.clone(), life.clone());
        move |request| answer(connection.clone(), life.clone(), request)
    });
    let mut http = pin!(
        builder(&connection.worker, &connection.config.http)
            .serve_connection(TokioIo::new(Turns::new(io)), service)
    );
    let mut look = pin!(sleep_until(life.next_look()));
    let mut drain = pin!(connection.worker.drain.begun());
    let mut ending = None;
    loop {
        let ended = tokio::select! {
            _ = &mut http => return,
            () = life.evicted() => {
                http.as_mut().graceful_shutdown();
                // As much of the GOAWAY as can be written at once: the descriptor is needed.
                return poll_fn(|cx| {
                    let _ = http.as_mut().poll(cx);
                    Poll::Ready(())
                })
                .await;
            }
            () = &mut drain, if ending.is_none() => Ending::Graceful,
            how = life.ended(), if ending != Some(Ending::Abrupt) => how,
            () = &mut look => match ending {
                Some(Ending::Abrupt) => return,
                Some(Ending::Graceful) if life.is_quiet() => return,
                Some(Ending::Graceful) => {
                    look.as_mut().reset(Instant::now() + FAREWELL);
                    continue;
                }
                None => match life.deadline() {
                    Some((at, how)) if at <= Instant::now() => how,
                    _ => {
                        look.as_mut().reset(life.next_look());
                        continue;
                    }
                },
            },
        };
        // GOAWAY; hyper lets the streams that are open end, and the connection with them.
        ending = Some(ended);
        http.as_mut().graceful_shutdown();
        look.as_mut().reset(Instant::now() + FAREWELL);
    }
}

fn builder(worker: &Rc<Worker>, limits: &HttpLimits) -> Builder<Local> {
    let header_bytes = limits.max_header_bytes.min(MOST_HEADER_BYTES);
    let mut builder = Builder::new(Local(worker.clone()));
    builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(limits.max_concurrent_streams)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(MOST_PENDING_RESETS)
        .max_local_error_reset_streams(MOST_LOCAL_RESETS)
        // RFC 8441: WebSockets over HTTP/2.
        .enable_connect_protocol();
    builder
}
