// SPDX-License-Identifier: Apache-2.0
//! Clients of a Postern: one request, one connection, and no panic when it does not succeed.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use postern_tests::tls::shown;
use postern_tests::{Handshake, HandshakeError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What a client got.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// An answer, and the namespace of the Pod that gave it; empty when Postern did.
    Answer(u16, String),
    /// The alert that ended the handshake.
    Alert(String),
    /// No answer.
    Failed(String),
}

impl Outcome {
    /// A 200 of a Pod of this namespace.
    pub(crate) fn of(namespace: &str) -> Self {
        Self::Answer(200, namespace.to_owned())
    }

    /// Whether a Pod of this namespace answered.
    pub(crate) fn is_of(&self, namespace: &str) -> bool {
        matches!(self, Self::Answer(200, from) if from == namespace)
    }

    /// An answer of Postern itself.
    pub(crate) fn ours(status: u16) -> Self {
        Self::Answer(status, String::new())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(status, from) if from.is_empty() => write!(f, "{status} of Postern"),
            Self::Answer(status, from) => write!(f, "{status} of {from}"),
            Self::Alert(alert) => write!(f, "alert {alert}"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}

/// GET over plain HTTP, on port 80.
pub(crate) async fn get(edge: IpAddr, host: &str, path: &str) -> Outcome {
    get_at(SocketAddr::new(edge, 80), host, path).await
}

/// GET over plain HTTP.
pub(crate) async fn get_at(edge: SocketAddr, host: &str, path: &str) -> Outcome {
    outcome(LIMIT, async {
        let stream = TcpStream::connect(edge).await?;
        ask(stream, host, path).await
    })
    .await
}

/// GET over TLS, with the host as SNI; the fingerprint of the leaf with it.
pub(crate) async fn get_secure(edge: IpAddr, host: &str, path: &str) -> (Outcome, String) {
    get_secure_at(SocketAddr::new(edge, 443), host, path).await
}

/// The same, on any port.
pub(crate) async fn get_secure_at(edge: SocketAddr, host: &str, path: &str) -> (Outcome, String) {
    let handshake = Handshake::with(edge).sni(host).alpn("http/1.1");
    match handshake.connect().await {
        Ok(stream) => {
            let fingerprint = shown(&stream);
            (outcome(LIMIT, ask(stream, host, path)).await, fingerprint)
        }
        Err(HandshakeError::Alert(alert)) => (Outcome::Alert(format!("{alert:?}")), String::new()),
        Err(HandshakeError::Other(error)) => (Outcome::Failed(error.to_string()), String::new()),
    }
}

/// The status of a page of the health port.
pub(crate) async fn ping(edge: IpAddr) -> Option<u16> {
    let answer = outcome(Duration::from_secs(2), async {
        let stream = TcpStream::connect(SocketAddr::new(edge, 9100)).await?;
        ask(stream, &edge.to_string(), "/ping").await
    });
    match answer.await {
        Outcome::Answer(status, _) => Some(status),
        _ => None,
    }
}

/// The metrics of a Postern.
pub(crate) async fn metrics(edge: IpAddr) -> String {
    let answer = async {
        let mut stream = TcpStream::connect(SocketAddr::new(edge, 9100)).await?;
        let head = format!("GET /metrics HTTP/1.1\r\nHost: {edge}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        io::Result::Ok(text)
    };
    timeout(LIMIT, answer).await.expect("metrics come in time").expect("metrics come")
}

/// For how long a Postern has been told nothing, in seconds: of that kind, or of the one that it was told least of.
pub(crate) async fn staleness(edge: IpAddr, kind: Option<&str>) -> f64 {
    let metrics = metrics(edge).await;
    let labels = kind.map(|kind| format!("{{kind=\"{kind}\"}}")).unwrap_or_default();
    let start = format!("postern_source_staleness_seconds{labels}");
    let lines = metrics.lines().filter(|line| line.starts_with(&start));
    let silences = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    silences.fold(0.0, f64::max)
}

async fn outcome(limit: Duration, work: impl Future<Output = io::Result<Outcome>>) -> Outcome {
    match timeout(limit, work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => Outcome::Failed(format!("nothing within {limit:?}")),
    }
}

/// One request on a fresh connection, which ends with the answer.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    host: &str,
    path: &str,
) -> io::Result<Outcome> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    match status(&text) {
        // What came is whole: a connection may end without TLS's close_notify.
        Some(status) => Ok(Outcome::Answer(status, namespace(&text).to_owned())),
        None => Err(ended.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
    }
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// The namespace in an echo's JSON.
fn namespace(answer: &str) -> &str {
    let after = answer.split_once("\"namespace\":\"").map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}
