// SPDX-License-Identifier: Apache-2.0
//! From the socket through the protocol stacks to a backend and back, and what a panic does.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{spawn_local, yield_now};

use super::*;
use crate::fixture::{self, Site, WEB, on_a_worker, shared};

/// A backend that answers every connection with one answer and closes.
async fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            spawn_local(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let answer =
                    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    address
}

async fn connect(worker: &Rc<Worker>) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let addresses = (peer, stream.local_addr().unwrap());
    spawn(worker, Accepted { stream, addresses, entry_point: WEB });
    client
}

#[test]
fn a_clear_request_reaches_its_backend() {
    on_a_worker(async {
        let site = Site::new("acme", "www.acme.example").backend(backend().await);
        let shared = shared(&[site]);
        let worker = fixture::worker(&shared);
        let mut client = connect(&worker).await;
        let request = b"GET / HTTP/1.1\r\nHost: www.acme.example\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
        worker.connections.none().await;
        let line = "postern_requests_total{entrypoint=\"web\",tenant=\"acme\",code=\"2xx\"} 1";
        assert!(fixture::metrics(&shared).lines().any(|l| l == line));
    });
}

#[test]
fn who_says_nothing_is_closed_at_the_deadline() {
    fixture::on_a_worker_without_waiting(async {
        let worker = fixture::worker(&shared(&[]));
        let mut client = connect(&worker).await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_panic_ends_its_connection_and_is_counted() {
    let shared = shared(&[]);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        let mut bystander = connect(&worker).await;
        let counted = worker.connections.one_more();
        let panicking = worker.spawn(async move {
            let _counted = counted;
            yield_now().await;
            panic!("for the test");
        });
        panicking.await.unwrap();
        bystander.write_all(b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n").await.unwrap();
        assert!(bystander.read(&mut [0; 512]).await.unwrap() > 0);
        assert!(fixture::metrics(&shared).lines().any(|l| l == "postern_panics_total 1"));
        drop(bystander);
        worker.connections.none().await;
    });
}
