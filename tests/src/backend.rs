// SPDX-License-Identifier: Apache-2.0
//! An HTTP/1.1 backend on raw sockets: it answers with its name and what it received, keeps every byte, and misbehaves
//! on command.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http_message::{Head, Reader};
use crate::patience::until;

/// One request as the backend received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The number of the connection, from 0.
    pub connection: usize,
    /// Its first line and header fields.
    pub head: Head,
    /// Its body; empty where the backend answered before it read one.
    pub body: Vec<u8>,
}

/// What a backend does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Reads the body, then says what it received.
    Echo,
    /// Reads the body, then sends exactly these bytes.
    Bytes(Vec<u8>),
    /// Sends these bytes at once, without reading the body, and goes on as if nothing was.
    Early(Vec<u8>),
    /// Sends these bytes and closes.
    Last(Vec<u8>),
    /// Answers `100 Continue` first, then reads the body and says what it received.
    Continue,
    /// Switches protocols: answers 101 and sends every byte back.
    Upgrade,
    /// Reads the head and says nothing until the connection ends.
    Silence,
    /// Closes without a word.
    Close,
}

type Script = dyn Fn(&Head) -> Reply + Send + Sync;

/// A running backend; it ends when it is dropped.
pub struct Backend {
    name: String,
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    name: String,
    script: Box<Script>,
    accepted: AtomicUsize,
    open: AtomicUsize,
    received: Mutex<Vec<Received>>,
    bytes: Mutex<Vec<Vec<u8>>>,
}

impl Backend {
    /// A backend that echoes.
    pub async fn start(name: &str) -> Self {
        Self::scripted(name, |_| Reply::Echo).await
    }

    /// A backend that does what `script` says for each head.
    pub async fn scripted(
        name: &str,
        script: impl Fn(&Head) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::bound(name, "127.0.0.1:0", script).await
    }

    /// A backend on an address of one's own choice.
    pub async fn bound(
        name: &str,
        address: &str,
        script: impl Fn(&Head) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            name: name.to_owned(),
            script: Box::new(script),
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            received: Mutex::default(),
            bytes: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, state.clone()));
        Self { name: name.to_owned(), address, state, task }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests that it received, in their order.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }

    /// The connections that it ever accepted.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// The connections that are open now.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }

    /// The bytes that each finished connection received.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        lock(&self.state.bytes).clone()
    }

    /// Waits until it received so many requests.
    pub async fn until_received(&self, count: usize) {
        let look = || async { (lock(&self.state.received).len() >= count).then_some(()) };
        until(&format!("{count} requests at {}", self.name), look).await;
    }

    /// Waits until none of its connections is open.
    pub async fn until_idle(&self) {
        let look = || async { (self.open() == 0).then_some(()) };
        until(&format!("no connection at {}", self.name), look).await;
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let number = state.accepted.fetch_add(1, Ordering::SeqCst);
        state.open.fetch_add(1, Ordering::SeqCst);
        let state = state.clone();
        connections.spawn(async move {
            let mut reader = Reader::new(stream);
            serve(&mut reader, &state, number).await;
            lock(&state.bytes).push(std::mem::take(&mut reader.log));
            state.open.fetch_sub(1, Ordering::SeqCst);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(reader: &mut Reader<TcpStream>, state: &State, connection: usize) {
    while let Some(head) = reader.request_head().await {
        let reply = (state.script)(&head);
        if let Reply::Continue = reply
            && reader.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err()
        {
            return;
        }
        let mut received = Received { connection, head: head.clone(), body: Vec::new() };
        if matches!(reply, Reply::Echo | Reply::Bytes(_) | Reply::Continue) {
            let Some(body) = reader.request_body(&head).await else { return };
            received.body = body;
        }
        lock(&state.received).push(received.clone());
        let go_on = match reply {
            Reply::Echo | Reply::Continue => send(reader, &echo(&state.name, &received)).await,
            Reply::Bytes(bytes) | Reply::Early(bytes) => send(reader, &bytes).await,
            Reply::Last(bytes) => {
                send(reader, &bytes).await;
                let _ = reader.stream.shutdown().await;
                false
            }
            Reply::Upgrade => mirror(reader, &head).await,
            Reply::Silence => {
                while reader.fill().await {}
                false
            }
            Reply::Close => false,
        };
        if !go_on {
            return;
        }
    }
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(reader: &mut Reader<S>, bytes: &[u8]) -> bool {
    reader.stream.write_all(bytes).await.is_ok()
}

/// The answer of an echo: its body says who answers, and what was received.
pub fn echo(name: &str, received: &Received) -> Vec<u8> {
    let body = echo_body(name, received);
    let mut out = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-echo: {name}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if received.head.method != "HEAD" {
        out.extend_from_slice(&body);
    }
    out
}

/// What an echo says.
pub fn echo_body(name: &str, received: &Received) -> Vec<u8> {
    serde_json::json!({
        "backend": name,
        "connection": received.connection,
        "method": received.head.method,
        "target": received.head.target,
        "headers": received.head.headers,
        "body": String::from_utf8_lossy(&received.body),
    })
    .to_string()
    .into_bytes()
}

async fn mirror(reader: &mut Reader<TcpStream>, head: &Head) -> bool {
    let protocol = head.header("upgrade").unwrap_or("mirror");
    let accept = head.header("sec-websocket-key").map(accept_key).unwrap_or_default();
    let switched = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n{accept}\r\n"
    );
    if reader.stream.write_all(switched.as_bytes()).await.is_err() {
        return false;
    }
    loop {
        let bytes = std::mem::take(&mut reader.buffer);
        if reader.stream.write_all(&bytes).await.is_err() || !reader.fill().await {
            return false;
        }
    }
}

/// What a server answers to a WebSocket's key (RFC 6455, 4.2.2).
fn accept_key(key: &str) -> String {
    let answer = [key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, answer.as_bytes());
    format!("sec-websocket-accept: {}\r\n", STANDARD.encode(digest))
}
