// SPDX-License-Identifier: Apache-2.0
//! The demo's client: it can say one name in its ClientHello and ask for another, which browsers cannot.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// For one question as a whole.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer of the demo is longer.
const MAX_BODY: usize = 64 << 10;

/// What is spoken over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    Http2,
}

/// A GET of `/`.
pub(super) struct Question {
    /// The name in the ClientHello, and what is spoken then; nothing in the clear.
    tls: Option<(&'static str, Protocol)>,
    /// The host that is asked for.
    host: &'static str,
}

impl Question {
    /// Over TLS, with one name in the ClientHello and perhaps another in the request.
    pub(super) fn tls(sni: &'static str, host: &'static str, protocol: Protocol) -> Self {
        Self { tls: Some((sni, protocol)), host }
    }

    /// In the clear, over HTTP/1.1.
    pub(super) fn clear(host: &'static str) -> Self {
        Self { tls: None, host }
    }

    /// Whether TLS is spoken.
    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host;
        match self.tls {
            Some((sni, protocol)) => {
                let version = if protocol == Protocol::Http1 { "HTTP/1.1" } else { "HTTP/2" };
                write!(f, "https://{host}/ over {version}")?;
                if sni == host { Ok(()) } else { write!(f, " on a connection to {sni}") }
            }
            None => write!(f, "http://{host}/"),
        }
    }
}

/// What came back.
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The body.
    pub(super) body: String,
    /// The certificate that was shown.
    pub(super) certificate: Option<Vec<u8>>,
}

/// Asks questions, and trusts the demo's own authority alone.
pub(super) struct Client {
    roots: Arc<RootCertStore>,
}

impl Client {
    /// A client that trusts `authority`.
    pub(super) fn new(authority: CertificateDer<'static>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(authority)?;
        Ok(Self { roots: Arc::new(roots) })
    }

    /// Asks, and verifies the certificate.
    pub(super) async fn ask(
        &self,
        address: SocketAddr,
        question: &Question,
    ) -> anyhow::Result<Answer> {
        let asking = async {
            let stream = TcpStream::connect(address).await.context("it cannot be reached")?;
            let Some((sni, protocol)) = question.tls else {
                return ask_http1(stream, question.host, None).await;
            };
            let stream = self.handshake(stream, sni, protocol).await?;
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.map(|certificate| certificate.to_vec());
            match protocol {
                Protocol::Http1 => ask_http1(stream, question.host, certificate).await,
                Protocol::Http2 => ask_http2(stream, question.host, certificate).await,
            }
        };
        timeout(PATIENCE, asking).await.context("there was no answer in time")?
    }

    /// Whether the handshake is refused with the alert for a name that is not known.
    pub(super) async fn is_refused(
        &self,
        address: SocketAddr,
        question: &Question,
    ) -> anyhow::Result<()> {
        let Err(error) = self.ask(address, question).await else { bail!("it was answered") };
        let alert = rustls::Error::AlertReceived(AlertDescription::UnrecognisedName);
        let is_alert = error.chain().any(|cause| {
            let inner = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
            inner.and_then(|inner| inner.downcast_ref()) == Some(&alert)
                || cause.downcast_ref() == Some(&alert)
        });
        if is_alert { Ok(()) } else { Err(error) }
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        sni: &'static str,
        protocol: Protocol,
    ) -> anyhow::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let wanted: &[u8] = if protocol == Protocol::Http1 { b"http/1.1" } else { b"h2" };
        config.alpn_protocols = vec![wanted.to_vec()];
        let name = ServerName::try_from(sni)?;
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.context("the handshake ended")?;
        if stream.get_ref().1.alpn_protocol() != Some(wanted) {
            bail!("another protocol was agreed on");
        }
        Ok(stream)
    }
}

async fn ask_http1<S>(stream: S, host: &str, certificate: Option<Vec<u8>>) -> anyhow::Result<Answer>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/").header("host", host).body(Empty::<Bytes>::new())?;
    answer(sender.send_request(request).await?, certificate).await
}

async fn ask_http2<S>(stream: S, host: &str, certificate: Option<Vec<u8>>) -> anyhow::Result<Answer>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let stream = TokioIo::new(stream);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    let request = Request::get(format!("https://{host}/")).body(Empty::<Bytes>::new())?;
    answer(sender.send_request(request).await?, certificate).await
}

async fn answer(
    response: Response<Incoming>,
    certificate: Option<Vec<u8>>,
) -> anyhow::Result<Answer> {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
    // The error of a limited body is a box, which does not fit in.
    let body = body.map_err(|error| anyhow::anyhow!("the body ended: {error}"))?;
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok(Answer { status, body, certificate })
}
