// SPDX-License-Identifier: Apache-2.0
//! I22, T-DOS-10 in small: every phase before routing ends by a deadline, for who says nothing, half a ClientHello, half
//! a handshake or half a head; and others are served meanwhile.

use std::time::Duration;

use postern_tests::hello::ClientHello;
use postern_tests::{EdgeBuilder, Raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pair::{A, Pair};

const SHORT: Duration = Duration::from_millis(300);

async fn impatient() -> Pair {
    let builder = EdgeBuilder::new().entry_points(|entry_point| {
        entry_point.timeouts.read = SHORT;
        entry_point.timeouts.idle = SHORT;
    });
    Pair::started(builder).await
}

/// Sends bytes, then nothing, and waits until the other side ends it.
async fn is_ended(to: std::net::SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(to).await.expect("the edge listens");
    stream.write_all(bytes).await.expect("the edge reads");
    let mut rest = Vec::new();
    let ended =
        postern_tests::patience::within("the deadline", stream.read_to_end(&mut rest)).await;
    // A reset is an end as well.
    drop(ended);
}

#[tokio::test]
async fn no_phase_before_routing_lasts_for_ever() {
    let pair = impatient().await;
    let hello = ClientHello::new().name(A).records(1 << 14);
    let (web, websecure) = (pair.edge.web(), pair.edge.websecure());
    let half_head = format!("GET / HTTP/1.1\r\nHost: {A}\r\n");
    tokio::join!(
        is_ended(web, b""),
        is_ended(web, b"GET / HT"),
        is_ended(web, half_head.as_bytes()),
        is_ended(web, b"PRI * HTTP/2.0\r\n"),
        is_ended(web, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        is_ended(websecure, b""),
        is_ended(websecure, &hello[..3]),
        is_ended(websecure, &hello[..hello.len() - 1]),
        // A whole ClientHello, then no further flight.
        is_ended(websecure, &hello),
    );
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_head_that_trickles_is_ended_too() {
    let pair = impatient().await;
    let mut raw = Raw::clear(pair.edge.web()).await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {A}\r\n")).await;
    // Each byte comes before any pause would be too long; the head as a whole never ends.
    let trickle = async {
        while raw.send("X").await {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    postern_tests::patience::within("the deadline", trickle).await;
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn handshakes_that_stand_still_hold_up_nobody() {
    let pair = Pair::start().await;
    let hello = ClientHello::new().name("b.example.test").records(1 << 14);
    let mut standing = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(pair.edge.websecure()).await.expect("the edge listens");
        let half = if number % 2 == 0 { hello.len() / 2 } else { hello.len() };
        stream.write_all(&hello[..half]).await.expect("the edge reads");
        standing.push(stream);
    }
    pair.acme_is_intact().await;
    drop(standing);
}
