// SPDX-License-Identifier: Apache-2.0
//! The admin server: its own socket on the control runtime, which no tenant's route leads to.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::log::Log;
use crate::state::State;

/// More connections wait: whoever scrapes or probes needs one.
const MAX_CONNECTIONS: usize = 64;
/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 128;
/// For a request's head, and until the next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For a connection as a whole: one that takes an answer slowly ends, too.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// Which pages are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pages {
    /// All.
    All,
    /// Those for probes and scrapes, which show no object of a tenant.
    Health,
}

impl Pages {
    fn have(self, path: &str) -> bool {
        match path {
            "/ping" | "/metrics" => true,
            "/api/snapshot" => self == Self::All,
            _ => false,
        }
    }
}

/// Listens on the first of `addresses` that this machine has, and answers from `state` until the runtime ends.  Returns
/// the address that the kernel chose.  Must be called within a tokio runtime.
pub(crate) fn start(
    addresses: &[SocketAddr],
    pages: Pages,
    state: Arc<State>,
    log: Log,
) -> anyhow::Result<SocketAddr> {
    let listener = listen(addresses)?;
    let bound = listener.local_addr()?;
    tokio::spawn(accept(listener, pages, state, log));
    Ok(bound)
}

fn listen(addresses: &[SocketAddr]) -> anyhow::Result<TcpListener> {
    let mut refused = anyhow::anyhow!("names no address");
    for address in addresses {
        match listen_on(*address) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                let absent = matches!(
                    error.raw_os_error().map(Errno::from_raw_os_error),
                    Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
                );
                refused = anyhow::Error::new(error).context(format!("cannot listen on {address}"));
                if !absent {
                    break;
                }
            }
        }
    }
    Err(refused)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // [::] takes what comes over IPv4, too: probes come over either.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept(listener: TcpListener, pages: Pages, state: Arc<State>, log: Log) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = state.clone();
                tokio::spawn(async move {
                    // A client that is slow or gone has nothing to be told.
                    let _ = timeout(CONNECTION_TIMEOUT, serve(stream, pages, state)).await;
                    drop(place);
                });
            }
            Err(error) => {
                log.warn(format!("admin: a connection cannot be accepted: {error}"));
                // Out of descriptors, it would fail again at once.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, pages: Pages, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(&request, pages, state).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // What goes wrong here is the client's business.
    let _ = connection.await;
}

async fn answer(
    request: &Request<Incoming>,
    pages: Pages,
    state: Arc<State>,
) -> Response<Full<Bytes>> {
    if !is_for_us(request) {
        // RFC 9110, 15.5.20.
        let text = "ask by address, as localhost, or by the name of a Service\n";
        return respond(StatusCode::MISDIRECTED_REQUEST, TEXT, text);
    }
    if !pages.have(request.uri().path()) {
        return respond(StatusCode::NOT_FOUND, TEXT, "not found\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "method not allowed\n");
        refusal.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match request.uri().path() {
        "/ping" if state.is_ready() => respond(StatusCode::OK, TEXT, "OK"),
        "/ping" => respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n"),
        "/metrics" => made(PROMETHEUS, move || state.metrics()).await,
        _ => made(JSON, move || format!("{:#}\n", state.render())).await,
    }
}

/// Whether a request was sent to this server by someone who knows it: by address (as probes, scrapes and tools do) or by
/// a name that only a cluster or a machine gives, such as `localhost`.  Under a name of the public DNS it comes from a
/// browser whose page has let its own name point here (DNS rebinding), and would read what the page's author may not.
fn is_for_us(request: &Request<Incoming>) -> bool {
    let fields: Vec<_> = request.headers().get_all(header::HOST).iter().collect();
    // HTTP/1.0 has no Host, and no browser speaks it.
    let field = match fields[..] {
        [] => return request.uri().authority().is_none_or(|named| is_our_name(named.as_str())),
        [field] => field,
        _ => return false,
    };
    let named = request.uri().authority().is_none_or(|named| is_our_name(named.as_str()));
    named && field.to_str().is_ok_and(is_our_name)
}

/// Whether an authority, with or without a port, is no name that a stranger can have: an address, a single label, or a
/// Service's name.
fn is_our_name(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host();
    let port = authority.port().map_or(0, |port| port.as_str().len() + 1);
    if authority.as_str().len() != host.len() + port {
        return false;
    }
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    address.parse::<IpAddr>().is_ok()
        || !host.is_empty() && !host.contains('.')
        || [".svc", ".svc.cluster.local"].iter().any(|zone| host.ends_with(zone))
}

/// Answers with what `make` makes on a thread of its own: with many hosts it takes a while.
async fn made(
    kind: &'static str,
    make: impl FnOnce() -> String + Send + 'static,
) -> Response<Full<Bytes>> {
    match tokio::task::spawn_blocking(make).await {
        Ok(text) => respond(StatusCode::OK, kind, text),
        Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "internal error\n"),
    }
}

fn respond(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::is_our_name;

    #[test]
    fn only_names_that_no_stranger_can_have_are_ours() {
        for ours in [
            "10.0.0.7:8081",
            "10.0.0.7",
            "[::1]:9000",
            "[fd00::1]",
            "localhost:9000",
            "postern",
            "postern.ingress.svc:9000",
            "postern.ingress.svc.cluster.local",
        ] {
            assert!(is_our_name(ours), "{ours}");
        }
        for foreign in [
            "",
            ":9000",
            "evil.test",
            "evil.test:9000",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "x@127.0.0.1",
            "127.0.0.1:9000:1",
            "[::1].evil.test",
            "evilsvc.test",
            "a.svc.evil.test",
        ] {
            assert!(!is_our_name(foreign), "{foreign}");
        }
    }
}
