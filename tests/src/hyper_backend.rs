// SPDX-License-Identifier: Apache-2.0
//! An echo backend that speaks HTTP/2 in the clear (h2c), or HTTP/1.1 over TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::backend::{Received, echo_body};
use crate::certificate::TestCertificate;
use crate::http_message::Head;

type Body = BoxBody<Bytes, Infallible>;

/// A running backend; it ends when it is dropped.
pub struct HyperBackend {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
enum Speech {
    Http2,
    Tls(TlsAcceptor),
}

impl HyperBackend {
    /// HTTP/2 in the clear.  A request with `content-type: application/grpc` is answered as a gRPC server does: its
    /// body comes back, and the trailers `grpc-status` and `x-last` end it.
    pub async fn h2c(name: &str) -> Self {
        Self::start(name, Speech::Http2).await
    }

    /// HTTP/1.1 over TLS with this certificate.
    pub async fn tls(name: &str, certificate: &TestCertificate) -> Self {
        let chain = CertificateDer::from_pem_slice(certificate.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes());
        let config = rustls::ServerConfig::builder_with_provider(crate::tls::provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![chain.expect("rcgen writes PEM")],
                key.expect("rcgen writes PEM"),
            )
            .expect("the key belongs to the certificate");
        Self::start(name, Speech::Tls(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(name: &str, speech: Speech) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let (name, counter): (Arc<str>, _) = (name.into(), requests.clone());
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, speech.clone(), name.clone(), counter.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, requests, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it received.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for HyperBackend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, speech: Speech, name: Arc<str>, requests: Arc<AtomicUsize>) {
    let service = service_fn(move |request| {
        requests.fetch_add(1, Ordering::SeqCst);
        let name = name.clone();
        async move { Ok::<_, Infallible>(answer(&name, request).await) }
    });
    match speech {
        Speech::Http2 => {
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .enable_connect_protocol()
                .serve_connection(TokioIo::new(stream), service);
            let _ = server.await;
        }
        Speech::Tls(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let server = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            let _ = server.await;
        }
    }
}

async fn answer(name: &str, request: hyper::Request<Incoming>) -> hyper::Response<Body> {
    let (parts, body) = request.into_parts();
    let is_grpc =
        parts.headers.get("content-type").is_some_and(|v| v.as_bytes() == b"application/grpc");
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if is_grpc {
        return grpc(name, body);
    }
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let head = Head {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        status: 0,
        headers: parts.headers.iter().map(field).collect(),
    };
    let received = Received { connection: 0, head, body: body.to_vec() };
    let answer = hyper::Response::builder().header("x-echo", name);
    let body = Full::new(Bytes::from(echo_body(name, &received))).boxed();
    answer.body(body).expect("the name of a backend is a header value")
}

fn grpc(name: &str, body: Bytes) -> hyper::Response<Body> {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    trailers.insert("x-last", http::HeaderValue::from_static("word"));
    let frames = [Ok(Frame::data(body)), Ok(Frame::trailers(trailers))];
    hyper::Response::builder()
        .header("content-type", "application/grpc")
        .header("x-echo", name)
        .body(StreamBody::new(futures_util::stream::iter(frames)).boxed())
        .expect("the name of a backend is a header value")
}
