// SPDX-License-Identifier: Apache-2.0
//! Handshakes over loopback sockets, with rustls as the client and with hellos made by hand.

mod client;
mod hello;
mod resumption;

use postern_snapshot::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_local};

use super::*;
use crate::fixture::{
    self, Site, WEBSECURE, certificate, on_a_worker, on_a_worker_without_waiting, shared, snapshot,
};
use crate::thread::Shared;

/// The alert that refuses a name, as it must be on the wire.
const REFUSED: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The client's end of a connection, and what becomes of the server's.
async fn connect(worker: &Rc<Worker>) -> (TcpStream, JoinHandle<Option<Secured>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let worker = worker.clone();
    let deadline = Some(Instant::now() + worker.config.entry_points[1].timeouts.read);
    let seat = worker.roster.unseated();
    let served =
        spawn_local(async move { run(&worker, WEBSECURE, (server, &seat), deadline).await });
    (client, served)
}

/// What a client that sends `hello` gets to read until the server closes, or has sent the first record.
async fn answer_to(worker: &Rc<Worker>, hello: &[u8]) -> Vec<u8> {
    let (mut client, served) = connect(worker).await;
    client.write_all(hello).await.unwrap();
    let mut answer = vec![0; 7];
    let length = client.read(&mut answer).await.unwrap();
    answer.truncate(length);
    if answer.first() == Some(&21) {
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the server closes after an alert");
        assert!(served.await.unwrap().is_none());
    }
    answer
}

fn counted(shared: &Shared, line: &str) -> bool {
    fixture::metrics(shared).lines().any(|l| l == line)
}

fn two_tenants() -> (Vec<Site>, Arc<Certificate>, Arc<Certificate>) {
    let (acme, globex) = (certificate(&["www.acme.example"]), certificate(&["www.globex.example"]));
    let sites = vec![
        Site::new("acme", "www.acme.example").certificate(&acme),
        Site::new("globex", "www.globex.example").certificate(&globex),
        Site::new("acme", "bare.acme.example"),
        Site::new("acme", "broken.acme.example").refusing(TlsRefusal::CertificateUnusable),
    ];
    (sites, acme, globex)
}
