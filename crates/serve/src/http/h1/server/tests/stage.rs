// SPDX-License-Identifier: Apache-2.0
//! One worker, one tenant, one raw backend, and as many clients as a test wants.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

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
    front: TcpListener,
}

/// Runs a test whose tenant owns `a.test` and `b.test`.
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
        let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = backend.local_addr().unwrap();
        let sites = ["a.test", "b.test"].map(|host| Site::new("acme", host).backend(endpoint));
        let mut config = fixture::config();
        change(&mut config);
        let shared = Shared { config: Arc::new(config), ..fixture::shared(&sites) };
        let worker = fixture::worker(&shared);
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { shared, worker, backend, front }
    }

    /// A client that is connected and served.
    pub(super) async fn client(&self) -> Peer {
        self.client_and_task().await.0
    }

    pub(super) async fn client_and_task(&self) -> (Peer, JoinHandle<()>) {
        let address = self.front.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), self.front.accept());
        let (stream, peer) = accepted.unwrap();
        let local: SocketAddr = stream.local_addr().unwrap();
        let connection = Connection::new(self.worker.clone(), WEB, (peer, local), None);
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

    /// A client's bytes, and all that it gets until its connection is closed, with a backend that answers everything.
    pub(super) async fn exchange(&self, sent: &[u8], answer: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut client = self.client().await;
        let serve = async {
            let mut log = Vec::new();
            while let Ok((mut stream, _)) = self.backend.accept().await {
                stream.write_all(answer).await.unwrap();
                stream.read_to_end(&mut log).await.unwrap_or_default();
                return log;
            }
            log
        };
        client.send(sent).await;
        client.finish().await;
        let got = client.rest();
        tokio::select! {
            got = got => (got, Vec::new()),
            log = serve => (Vec::new(), log),
        }
    }
}

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
