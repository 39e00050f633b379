// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 messages for tests, parsed byte by byte with `httparse` and nothing else, so that what is tested does not
//! test itself.

use tokio::io::{AsyncRead, AsyncReadExt};

/// The most bytes that a test reads of one message.
const MOST: usize = 64 << 20;

/// Bytes that were read and not yet used, in front of a stream.
#[derive(Debug)]
pub struct Reader<S> {
    /// The stream.
    pub stream: S,
    /// What was read of it already.
    pub buffer: Vec<u8>,
    /// Everything that was ever read of it.
    pub log: Vec<u8>,
    /// The trailers of the last chunked body, names in lower case.
    pub trailers: Vec<(String, String)>,
}

/// A parsed head: the first line, and the header fields in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `GET /path` of a request; `200` of an answer.
    pub method: String,
    /// The target of a request.
    pub target: String,
    /// The status of an answer.
    pub status: u16,
    /// Names in lower case, values as text.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().contains("chunked"))
    }

    fn length(&self) -> Option<usize> {
        self.header("content-length")?.trim().parse().ok()
    }
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// In front of `stream`, with nothing read.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), log: Vec::new(), trailers: Vec::new() }
    }

    /// Reads some more; false at the end of the stream or after an error.
    pub async fn fill(&mut self) -> bool {
        let mut piece = vec![0; 16 << 10];
        match self.stream.read(&mut piece).await {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&piece[..n]);
                self.log.extend_from_slice(&piece[..n]);
                assert!(self.log.len() < MOST, "a test reads no endless message");
                true
            }
        }
    }

    /// A request's head; nothing at the end of the stream.
    pub async fn request_head(&mut self) -> Option<Head> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 128];
            let mut request = httparse::Request::new(&mut fields);
            if let Ok(httparse::Status::Complete(n)) = request.parse(&self.buffer) {
                let head = Head {
                    method: request.method.unwrap_or_default().into(),
                    target: request.path.unwrap_or_default().into(),
                    status: 0,
                    headers: lines(request.headers),
                };
                self.buffer.drain(..n);
                return Some(head);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// An answer's head, interim ones included; nothing at the end of the stream.
    pub async fn answer_head(&mut self) -> Option<Head> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 128];
            let mut answer = httparse::Response::new(&mut fields);
            match answer.parse(&self.buffer) {
                Ok(httparse::Status::Complete(n)) => {
                    let head = Head {
                        status: answer.code.unwrap_or_default(),
                        headers: lines(answer.headers),
                        ..Head::default()
                    };
                    self.buffer.drain(..n);
                    return Some(head);
                }
                Ok(httparse::Status::Partial) => {}
                Err(error) => panic!("not an HTTP/1.1 answer: {error}: {:?}", self.text()),
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// A request's body, as its head frames it.
    pub async fn request_body(&mut self, head: &Head) -> Option<Vec<u8>> {
        if head.is_chunked() {
            return self.chunked().await;
        }
        self.exactly(head.length().unwrap_or(0)).await
    }

    /// An answer's body, as its head frames it, to a request with `method`.
    pub async fn answer_body(&mut self, head: &Head, method: &str) -> Option<Vec<u8>> {
        if method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304 {
            return Some(Vec::new());
        }
        if head.is_chunked() {
            return self.chunked().await;
        }
        if let Some(length) = head.length() {
            return self.exactly(length).await;
        }
        while self.fill().await {}
        Some(std::mem::take(&mut self.buffer))
    }

    /// So many bytes; nothing when the stream ends before.
    pub async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    /// What is unread, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Some(line);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn trailer_lines(&mut self) -> Option<Vec<(String, String)>> {
        let mut trailers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { return Some(trailers) };
            trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    async fn chunked(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).ok()?;
            if size == 0 {
                self.trailers = self.trailer_lines().await?;
                return Some(body);
            }
            body.extend(self.exactly(size).await?);
            self.exactly(2).await?;
        }
    }
}

fn lines(fields: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let line = |field: &httparse::Header<'_>| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        (field.name.to_ascii_lowercase(), value)
    };
    fields.iter().map(line).collect()
}
