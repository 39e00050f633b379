// SPDX-License-Identifier: Apache-2.0
//! One worker, one tenant, one raw backend, and as many clients as a test wants.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use postern_model::{AppProtocol, Host};
use postern_snapshot::Admission;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::serve;
use crate::config::EdgeConfig;
use crate::connection::Connection;
use crate::fixture::{self, Site, WEB, on_a_worker};
use crate::io::Io;
use crate::metrics::Protocol;
use crate::thread::Shared;
use crate::worker::Worker;

/// For how long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Stage {
    pub(super) shared: Shared,
    pub(super) worker: Rc<Worker>,
    backend: TcpListener,
    /// What `h2.test` is forwarded to: it is spoken HTTP/2 to.
    pub(super) multiplexed: TcpListener,
    front: TcpListener,
}

/// Runs a test whose tenant owns `a.test` and its like.
pub(super) fn on_stage<T, F: Future<Output = T>>(test: impl FnOnce(Stage) -> F) -> T {
    on_stage_with(|_| {}, test)
}

/// The same, with another configuration.
pub(super) fn on_stage_with<T, F: Future<Output = T>>(
    change: impl FnOnce(&mut EdgeConfig),
    test: impl FnOnce(Stage) -> F,
) -> T {
    on_a_worker(async move {
        let stage = Stage::new(change).await;
        tokio::time::timeout(PATIENCE * 3, test(stage)).await.expect("the test ends")
    })
}

impl Stage {
    async fn new(change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let certificate = fixture::certificate(&["own.test", "other.test"]);
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = backend.local_addr().unwrap();
        let multiplexed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Nobody listens there: the socket is gone before it is used.
        let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let sites = [
            Site::new("acme", "a.test").backend(endpoint),
            Site::new("acme", "h2.test")
                .backend(multiplexed.local_addr().unwrap())
                .protocol(AppProtocol::H2c),
            Site::new("acme", "half.test").backends(&[dead, endpoint]),
            Site::new("acme", "dead.test").backends(&[dead]),
            Site::new("acme", "own.test").backend(endpoint).certificate(&certificate),
            Site::new("globex", "other.test").backend(endpoint).certificate(&certificate),
            Site::new("acme", "dead2.test").backends(&[dead]).protocol(AppProtocol::H2c),
        ];
        let mut config = fixture::config();
        change(&mut config);
        let shared = Shared { config: Arc::new(config), ..fixture::shared(&sites) };
        let worker = fixture::worker(&shared);
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { shared, worker, backend, multiplexed, front }
    }

    /// A client that is connected and served.
    pub(super) async fn client(&self) -> Peer {
        self.client_and_task().await.0
    }

    /// A client whose handshake was admitted under `name`.
    pub(super) async fn client_of(&self, name: &str) -> Peer {
        let name = Host::parse(name).unwrap();
        self.connect(self.shared.published.load().admit(&name)).await.0
    }

    pub(super) async fn client_and_task(&self) -> (Peer, JoinHandle<()>) {
        self.connect(None).await
    }

    async fn connect(&self, handshake: Option<Admission>) -> (Peer, JoinHandle<()>) {
        let address = self.front.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), self.front.accept());
        let (stream, peer) = accepted.unwrap();
        let local: SocketAddr = stream.local_addr().unwrap();
        let connection = Connection::new(self.worker.clone(), WEB, (peer, local), handshake);
        let open = self.worker.counters.open(WEB);
        let task = tokio::task::spawn_local(async move {
            let mut open = open;
            open.speaks(Protocol::Http1);
            serve(Rc::new(connection), Io::from(stream)).await;
        });
        (Peer::new(client.unwrap()), task)
    }

    /// The next connection that the backend gets.
    pub(super) async fn backend(&self) -> Peer {
        let accepted = tokio::time::timeout(PATIENCE, self.backend.accept()).await;
        Peer::new(accepted.expect("the backend is asked").unwrap().0)
    }

    /// Whether the backend has got a connection that was not accepted yet.
    pub(super) async fn backend_is_asked(&self) -> bool {
        // Everything that could run has run when the timer fires.
        tokio::time::timeout(Duration::from_millis(20), self.backend.accept()).await.is_ok()
    }

    /// The size of what an idle connection's task holds, apart from its socket.
    pub(super) fn future_size(&self) -> usize {
        let serve = |connection, io| super::super::serve(connection, io);
        size_of_future(serve)
    }
}

fn size_of_future<A, B, F: Future>(_: impl FnOnce(A, B) -> F) -> usize {
    size_of::<F>()
}

/// The shortest answer of a backend.
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// One end of a raw connection.
pub(super) struct Peer {
    stream: TcpStream,
    got: Vec<u8>,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, got: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Closes this end's writing half.
    pub(super) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Sends, unless the other end has closed.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Two handles of one end, to read and write at once.
    pub(super) fn split(self) -> (Self, Self) {
        let std = self.stream.into_std().unwrap();
        let twin = TcpStream::from_std(std.try_clone().unwrap()).unwrap();
        let stream = TcpStream::from_std(std).unwrap();
        (Self { stream, got: self.got }, Self { stream: twin, got: Vec::new() })
    }

    /// Exactly so many bytes.
    pub(super) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.got.len() < length {
            assert!(self.stream.read_buf(&mut self.got).await.unwrap() > 0, "cut off");
        }
        let rest = self.got.split_off(length);
        std::mem::replace(&mut self.got, rest)
    }

    /// Sends back what comes, so many bytes.
    pub(super) async fn echo(&mut self, length: usize) {
        let mut left = length;
        while left > 0 {
            if self.got.is_empty() {
                assert!(self.stream.read_buf(&mut self.got).await.unwrap() > 0, "cut off");
            }
            left -= self.got.len();
            self.stream.write_all(&self.got).await.unwrap();
            self.got.clear();
        }
    }

    /// All bytes up to and including `end`.
    pub(super) async fn until(&mut self, end: &str) -> String {
        let end = end.as_bytes();
        loop {
            if let Some(at) = memchr::memmem::find(&self.got, end) {
                let rest = self.got.split_off(at + end.len());
                let found = std::mem::replace(&mut self.got, rest);
                return String::from_utf8(found).unwrap();
            }
            let read = self.stream.read_buf(&mut self.got);
            let read = tokio::time::timeout(PATIENCE, read).await;
            let got = String::from_utf8_lossy(&self.got);
            match read {
                Ok(Ok(read)) if read > 0 => {}
                other => panic!("{other:?} before {:?}, after {got:?}", str::from_utf8(end)),
            }
        }
    }

    /// A head.
    pub(super) async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// All that comes until the other end closes or resets.
    pub(super) async fn rest(mut self) -> Vec<u8> {
        let read = self.stream.read_to_end(&mut self.got);
        let read = tokio::time::timeout(PATIENCE, read).await.expect("the other end closes");
        // A reset ends a connection as well; what came before it counts.
        let _ = read;
        self.got
    }

    /// Whether nothing more has come.
    pub(super) async fn is_silent(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.got);
        let read = tokio::time::timeout(Duration::from_millis(20), read).await;
        read.is_err() && self.got.is_empty()
    }
}
