// SPDX-License-Identifier: Apache-2.0
//! I6: connections are places that anybody can take for nothing.  One stranger opens as many as it likes, silent or idle,
//! over any protocol; it pays for them with its own, and nobody else does.

use std::net::{IpAddr, Ipv4Addr};

use postern_serve::Connections;
use postern_tests::client::Http2;
use postern_tests::patience::until;
use postern_tests::raw::connect_from;
use postern_tests::{Edge, EdgeBuilder, Raw, Reply};

use crate::pair::{A, B, Pair};

const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const INNOCENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4));

/// An edge on which so many client connections may be open.
async fn narrow(places: usize) -> Pair {
    Pair::started(with_places(places)).await
}

fn with_places(places: usize) -> EdgeBuilder {
    EdgeBuilder::new().config(|config| config.connections = Connections::AtMost(places))
}

/// What is counted under a series.
fn counted(edge: &Edge, series: &str) -> u64 {
    let mut text = String::new();
    edge.served().metrics().encode(&mut text);
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{series}: {text}"))
}

/// How many connections had to give their places away, for this reason.
pub(crate) fn shed(edge: &Edge, reason: &str) -> u64 {
    counted(edge, &format!("postern_connections_shed_total{{reason=\"{reason}\"}}"))
}

fn open(edge: &Edge) -> u64 {
    let mut text = String::new();
    edge.served().metrics().encode(&mut text);
    let lines = text.lines().filter(|line| line.starts_with("postern_open_connections{"));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

/// Connections of innocents, each of which has had a request.
struct Innocents {
    clear: Vec<Raw>,
    secured: Raw,
    multiplexed: Http2,
}

impl Innocents {
    async fn arrive(edge: &Edge) -> Self {
        let mut clear = Vec::new();
        for _ in 0..6 {
            clear.push(Raw::clear_from(INNOCENT, edge.web()).await);
        }
        let secured = edge.tls().sni(A).over(connect_from(INNOCENT, edge.websecure()).await).await;
        let secured = Raw::tls(secured.expect("the handshake succeeds"));
        let over = edge.tls().sni(A).alpn("h2");
        let over = over.over(connect_from(INNOCENT, edge.websecure()).await).await;
        let multiplexed = Http2::over(over.expect("the handshake succeeds"), String::new()).await;
        let mut all = Self { clear, secured, multiplexed };
        all.are_served().await;
        all
    }

    /// On the connections that they have.
    async fn are_served(&mut self) {
        for raw in &mut self.clear {
            raw.get(A, "/kept").await.from_backend("acme");
        }
        self.secured.get(A, "/kept").await.from_backend("acme");
        self.multiplexed.get(A, "/kept").await.from_backend("acme");
    }
}

#[tokio::test]
async fn thousands_of_silent_connections_shut_nobody_out() {
    let pair = narrow(200).await;
    let edge = &pair.edge;
    let mut innocents = Innocents::arrive(edge).await;
    let mut silent = Vec::new();
    for number in 0..2_000 {
        // Nothing, or what could become something.
        let (to, begun) = match number % 5 {
            0 => (edge.web(), &b""[..]),
            1 => (edge.web(), &b"GET / HTTP/1.1\r\nHost: "[..]),
            2 => (edge.web(), &b"PRI * HTTP/2.0\r\n"[..]),
            3 => (edge.websecure(), &b""[..]),
            _ => (edge.websecure(), &b"\x16\x03\x01\x02\x00"[..]),
        };
        let mut raw = Raw::clear_from(STRANGER, to).await;
        raw.send(begun).await;
        silent.push(raw);
        if number % 500 == 499 {
            innocents.are_served().await;
            pair.acme_is_intact().await;
        }
    }
    // Newcomers from yet another address, over everything that is spoken.
    pair.acme_is_intact().await;
    Innocents::arrive(edge).await.are_served().await;
    innocents.are_served().await;
    assert!(shed(edge, "silent") >= 1_700, "{}", shed(edge, "silent"));
    assert_eq!([shed(edge, "idle"), shed(edge, "newcomer")], [0, 0]);
    until("no more are open than may be", || async { (open(edge) <= 200).then_some(()) }).await;
    // The first ones are closed, without a word.
    silent[0].is_closed().await;
}

#[tokio::test]
async fn nor_do_those_that_have_had_a_request() {
    let pair = narrow(80).await;
    let mut innocents = Innocents::arrive(&pair.edge).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut raw = Raw::clear_from(STRANGER, pair.edge.web()).await;
        raw.get(B, "/").await.from_backend("globex");
        idle.push(raw);
    }
    innocents.are_served().await;
    pair.acme_is_intact().await;
    assert!(shed(&pair.edge, "idle") >= 200);
    idle[0].is_closed().await;
    // The stranger itself is served as well, on what it opened last.
    idle[299].get(B, "/").await.from_backend("globex");
}

/// The types of the frames in what a server sent.
fn frames(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [a, b, c, kind, ..] = *bytes {
        types.push(kind);
        let length = 9 + u32::from_be_bytes([0, a, b, c]) as usize;
        bytes = bytes.get(length..).unwrap_or_default();
    }
    types
}

#[tokio::test]
async fn http2_connections_without_a_stream_are_told_to_go() {
    const GOAWAY: u8 = 7;
    let pair = narrow(80).await;
    let mut innocents = Innocents::arrive(&pair.edge).await;
    let mut first = Raw::clear_from(STRANGER, pair.edge.web()).await;
    first.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    // The server's settings: it speaks HTTP/2 by now.
    let head = first.exactly(9).await;
    let mut others = Vec::new();
    for _ in 0..200 {
        let stream = connect_from(STRANGER, pair.edge.web()).await;
        let mut http = Http2::over(stream, String::new()).await;
        http.get(B, "/").await.from_backend("globex");
        others.push(http);
    }
    let told = frames(&[head, first.rest().await].concat());
    assert!(told.contains(&GOAWAY), "{told:?}");
    until("the first ones are closed", || async { others[0].is_closed().then_some(()) }).await;
    innocents.are_served().await;
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn requests_in_flight_stay_and_who_comes_then_is_turned_away() {
    let silent = postern_tests::Backend::scripted("globex", |_| Reply::Silence).await;
    let edge = with_places(4)
        .config(|config| config.workers = 1)
        .file("all.yaml", &postern_tests::yaml::tenant("globex", &[B], silent.address()))
        .start()
        .await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::clear_from(STRANGER, edge.web()).await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {B}\r\n\r\n")).await;
        waiting.push(raw);
    }
    silent.until_received(4).await;
    for turned_away in 1..=3 {
        Raw::clear_from(INNOCENT, edge.web()).await.is_closed().await;
        assert_eq!(shed(&edge, "newcomer"), turned_away);
    }
    assert!(waiting[0].is_silent().await, "nobody is cut");
    drop(waiting.pop());
    until("the place that is free is the next one's", || async {
        let mut raw = Raw::clear_from(INNOCENT, edge.web()).await;
        raw.send("GET / HTTP/1.1\r\nHost: nobody.example.test\r\n\r\n").await;
        Some(raw.try_answer("GET").await?.status).filter(|status| *status == 404)
    })
    .await;
}

#[tokio::test]
async fn what_comes_through_a_trusted_proxy_is_not_one_clients() {
    let trusting = with_places(120).entry_points(|entry_point| {
        entry_point.forwarded.trusted_ips.push(PROXY.into());
    });
    let pair = Pair::started(trusting).await;
    let mut through = Vec::new();
    for _ in 0..30 {
        let mut raw = Raw::clear_from(PROXY, pair.edge.web()).await;
        raw.get(A, "/").await.from_backend("acme");
        through.push(raw);
    }
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(connect_from(STRANGER, pair.edge.web()).await);
    }
    // More come through the proxy than there are of the stranger's.
    for _ in 0..20 {
        let mut raw = Raw::clear_from(PROXY, pair.edge.web()).await;
        raw.get(A, "/").await.from_backend("acme");
        through.push(raw);
    }
    for raw in &mut through {
        raw.get(A, "/").await.from_backend("acme");
    }
}
