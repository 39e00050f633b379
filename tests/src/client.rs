// SPDX-License-Identifier: Apache-2.0
//! One request, one connection: for tests that ask who answers.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::edge::Edge;
use crate::patience::within;
use crate::raw::Raw;
use crate::tls::{Handshake, HandshakeError, shown};

/// A request in the making.
pub struct Request<'a> {
    edge: &'a Edge,
    method: String,
    secure: bool,
    host: String,
    path: String,
    sni: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    http2: bool,
}

impl<'a> Request<'a> {
    /// A request for a URL (`http` or `https`); the host is a name only, the edge's own addresses are dialled.
    pub fn new(edge: &'a Edge, method: &str, url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("a URL with a scheme");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Self {
            edge,
            method: method.to_owned(),
            secure: scheme == "https",
            host: host.to_owned(),
            path: format!("/{path}"),
            sni: None,
            headers: Vec::new(),
            body: Vec::new(),
            http2: false,
        }
    }

    /// With another name in the ClientHello than in the request.
    #[must_use]
    pub fn sni(mut self, name: &str) -> Self {
        self.sni = Some(name.to_owned());
        self
    }

    /// With a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Over HTTP/2: by ALPN, or with prior knowledge in the clear.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Sends it; fails the test when there is no answer.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("the handshake succeeds")
    }

    /// Sends it and fails the test unless the status is this one.
    pub async fn expect(self, status: u16) -> Answer {
        self.send().await.is(status)
    }

    /// Sends it; an error is one of the handshake.
    pub async fn try_send(self) -> Result<Answer, HandshakeError> {
        let http2 = self.http2;
        if !self.secure {
            let web = self.edge.web();
            return Ok(if http2 {
                let stream = TcpStream::connect(web).await.expect("the edge listens");
                self.over_http2(&mut Http2::over(stream, String::new()).await).await
            } else {
                self.over_http1(Raw::clear(web).await).await
            });
        }
        let bare = self.host.split(':').next().unwrap_or_default();
        let name = self.sni.as_deref().unwrap_or(bare);
        let handshake = self.edge.tls().sni(name);
        let protocol = if http2 { "h2" } else { "http/1.1" };
        let stream = handshake.alpn(protocol).connect().await?;
        if !http2 {
            return Ok(self.over_http1(Raw::tls(stream)).await);
        }
        let fingerprint = shown(&stream);
        Ok(self.over_http2(&mut Http2::over(stream, fingerprint).await).await)
    }

    async fn over_http1(self, mut raw: Raw) -> Answer {
        let Self { method, host, path, headers, body, .. } = self;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        raw.send([head.as_bytes(), &body].concat()).await;
        raw.try_answer(&method).await.expect("an answer comes before the connection ends")
    }

    async fn over_http2(self, client: &mut Http2) -> Answer {
        let scheme = if self.secure { "https" } else { "http" };
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(format!("{scheme}://{}{}", self.host, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(self.body));
        client.ask(request.body(body).expect("a test's request is one")).await
    }
}

/// An HTTP/2 connection.
pub struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    fingerprint: String,
}

impl Http2 {
    /// Over a connection that stands.
    pub async fn over<S>(stream: S, fingerprint: String) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
        let (sender, connection) =
            within("the HTTP/2 preface", handshake).await.expect("the preface is answered");
        tokio::spawn(connection);
        Self { sender, fingerprint }
    }

    /// Over TLS to an edge, by ALPN.
    pub async fn tls(handshake: Handshake) -> Self {
        let stream = handshake.alpn("h2").connect().await.expect("the handshake succeeds");
        let fingerprint = shown(&stream);
        Self::over(stream, fingerprint).await
    }

    /// A GET for a path of a host, over a connection with TLS.
    pub async fn get(&mut self, host: &str, path: &str) -> Answer {
        self.try_get(host, path).await.expect("an answer comes before the connection ends")
    }

    /// The same; an error is one of the connection or the stream.
    pub async fn try_get(&mut self, host: &str, path: &str) -> Result<Answer, hyper::Error> {
        let request = http::Request::builder().uri(format!("https://{host}{path}"));
        let request = request.body(Full::default()).expect("a test's request is one");
        self.try_ask(request).await
    }

    /// Sends a request and gives its answer.
    pub async fn ask(&mut self, request: http::Request<Full<Bytes>>) -> Answer {
        self.try_ask(request).await.expect("an answer comes before the connection ends")
    }

    /// The same; an error is one of the connection or the stream.
    pub async fn try_ask(
        &mut self,
        request: http::Request<Full<Bytes>>,
    ) -> Result<Answer, hyper::Error> {
        within("room for a stream", self.sender.ready()).await?;
        let response = within("an answer", self.sender.send_request(request)).await?;
        let (parts, body) = response.into_parts();
        let body = within("a body", body.collect()).await?;
        let trailers = body.trailers().map(fields).unwrap_or_default();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: fields(&parts.headers),
            body: body.to_bytes().to_vec(),
            trailers,
            fingerprint: self.fingerprint.clone(),
        })
    }

    /// Whether the server ended the connection, or says that it will.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

fn fields(map: &http::HeaderMap) -> Vec<(String, String)> {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    map.iter().map(field).collect()
}
