// SPDX-License-Identifier: Apache-2.0
//! I6: a tenant that is asked for more in a second than it may be pays with 429, and its neighbours with nothing.

use std::time::Instant;

use postern_tests::patience::until;
use postern_tests::tls::Connected;
use postern_tests::{EdgeBuilder, Handshake, HandshakeError, Raw};
use rustls::{AlertDescription, NamedGroup};

use crate::pair::{A, B, Pair};

fn tenant(spec: &str) -> String {
    format!(
        "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {{name: globex}}\n\
         spec: {{namespaces: [globex], {spec}}}\n"
    )
}

/// Globex may have so much; acme has no Tenant object.
async fn limited(spec: &str) -> Pair {
    Pair::started(EdgeBuilder::new().file("0-tenant.yaml", &tenant(spec))).await
}

/// What a series of metrics stands at.
fn counted(pair: &Pair, series: &str) -> u64 {
    let mut text = String::new();
    pair.edge.served().metrics().encode(&mut text);
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().expect("a number"))
}

#[tokio::test]
async fn handshakes_beyond_the_rate_are_cut_off_and_the_neighbour_misses_none() {
    let pair = limited("limits: {handshakesPerSecond: 2}").await;
    let (mut made, mut cut) = (0, 0);
    let begun = Instant::now();
    for _ in 0..60 {
        match pair.edge.tls().sni(B).connect().await {
            Ok(_) => made += 1,
            Err(HandshakeError::Alert(alert)) => panic!("{alert:?}"),
            Err(HandshakeError::Other(_)) => cut += 1,
        }
        let shown = pair.edge.tls().sni(A).fingerprint().await;
        assert_eq!(shown, pair.acme_certificate.fingerprint());
    }
    let due = 2 * (begun.elapsed().as_secs() + 1) + 2;
    assert!((2..=due).contains(&made), "{made} of {due}");
    assert!(cut > 0);
    let series = "postern_refusals_total{tenant=\"tenant/globex\",reason=\"handshake_rate\"}";
    until("all are counted", || async { (counted(&pair, series) == cut).then_some(()) }).await;
    let series = "postern_handshakes_total{entrypoint=\"websecure\",tenant=\"tenant/globex\",result=\"limited\"}";
    until("so is how they ended", || async { (counted(&pair, series) == cut).then_some(()) }).await;
    // Requests have a limit of their own.
    pair.edge.get(&format!("http://{B}/")).send().await.from_backend("globex");
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn who_may_begin_no_handshake_closes_none_of_its_connections() {
    let pair = limited("limits: {connections: 1}").await;
    let mut raw = Raw::tls(pair.edge.tls().sni(B).connect().await.expect("a handshake"));
    raw.get(B, "/").await.from_backend("globex");
    pair.edge.apply("0-tenant.yaml", &tenant("limits: {connections: 1, handshakesPerSecond: 0}"));
    assert!(pair.edge.tls().sni(B).connect().await.is_err());
    raw.get(B, "/").await.from_backend("globex");
    pair.acme_is_intact().await;
}

const P384: [NamedGroup; 1] = [NamedGroup::secp384r1];
const X25519: [NamedGroup; 1] = [NamedGroup::X25519];

#[tokio::test]
async fn groups_that_the_operator_does_not_allow_are_refused_and_the_neighbour_has_all() {
    let pair = limited("tls: {curves: [CurveP384]}").await;
    let group = |connected: &Connected| {
        let group = connected.get_ref().1.negotiated_key_exchange_group();
        group.expect("a handshake agrees on one").name()
    };
    for versions in [Handshake::tls12, Handshake::tls13] {
        let of = |name: &str| versions(pair.edge.tls().sni(name));
        assert_eq!(of(B).groups(&X25519).refused().await, AlertDescription::HandshakeFailure);
        let connected = of(B).groups(&P384).connect().await.expect("a handshake");
        assert_eq!(group(&connected), NamedGroup::secp384r1);
        // One that prefers another is asked again for this one.
        let both = [NamedGroup::X25519, NamedGroup::secp384r1];
        let connected = of(B).groups(&both).connect().await.expect("a handshake");
        assert_eq!(group(&connected), NamedGroup::secp384r1);
        let connected = of(A).groups(&X25519).connect().await.expect("a handshake");
        assert_eq!(group(&connected), NamedGroup::X25519);
    }
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_connection_made_under_other_groups_is_not_served_any_more() {
    let pair = limited("tls: {}").await;
    let mut raw = Raw::tls(pair.edge.tls().sni(B).connect().await.expect("a handshake"));
    raw.get(B, "/").await.from_backend("globex");
    pair.edge.apply("0-tenant.yaml", &tenant("tls: {curves: [CurveP384]}"));
    assert_eq!(raw.get(B, "/").await.status, 421);
    pair.globex_is_intact().await;
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_list_without_a_usable_group_closes_and_never_means_the_defaults() {
    let pair = limited("tls: {curves: [CurveP521, secp256r1]}").await;
    assert_eq!(pair.edge.tls().sni(B).refused().await, AlertDescription::UnrecognisedName);
    let series = "postern_refusals_total{tenant=\"tenant/globex\",reason=\"no_key_exchange\"}";
    until("it is counted", || async { (counted(&pair, series) == 1).then_some(()) }).await;
    pair.acme_is_intact().await;
    pair.edge.apply("0-tenant.yaml", &tenant("tls: {curves: [CurveP521, CurveP256]}"));
    pair.globex_is_intact().await;
}

const UPGRADE: &str = "GET /up HTTP/1.1\r\nHost: b.example.test\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\n\r\n";

#[tokio::test]
async fn requests_beyond_the_rate_are_refused_and_the_neighbour_misses_none() {
    let pair = limited("limits: {requestsPerSecond: 2}").await;
    let (mut served, mut refused) = (0, 0);
    let begun = Instant::now();
    for number in 0..60 {
        let url = format!("https://{B}/");
        let request = pair.edge.get(&url);
        let request = if number % 2 == 0 { request.http2() } else { request };
        let answer = request.send().await;
        match answer.status {
            200 => served += 1,
            429 => {
                assert_eq!(answer.header("retry-after"), Some("1"));
                refused += 1;
            }
            other => panic!("{other}"),
        }
        pair.edge.get(&format!("https://{A}/")).send().await.from_backend("acme");
    }
    // A second's worth at once, and what came in the time that this took.
    let due = 2 * (begun.elapsed().as_secs() + 1) + 2;
    assert!((2..=due).contains(&served), "{served} of {due}");
    assert!(refused > 0);
    let series = "postern_refusals_total{tenant=\"tenant/globex\",reason=\"request_rate\"}";
    until("all are counted", || async { (counted(&pair, series) == refused).then_some(()) }).await;
    assert_eq!(pair.globex.received().len() as u64, served);
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn every_kind_of_request_counts() {
    let pair = limited("limits: {requestsPerSecond: 0}").await;
    for url in [format!("http://{B}/"), format!("https://{B}/no/such/route")] {
        pair.edge.get(&url).expect(429).await;
        pair.edge.get(&url).http2().expect(429).await;
    }
    let mut raw = Raw::clear(pair.edge.web()).await;
    raw.send(UPGRADE).await;
    assert_eq!(raw.try_answer("GET").await.expect("an answer").status, 429);
    // The connection goes on.
    assert_eq!(raw.get(B, "/").await.status, 429);
    assert_eq!(pair.globex.received().len(), 0);
    pair.acme_is_intact().await;
    // A change is in force at once.
    pair.edge.apply("0-tenant.yaml", &tenant("limits: {}"));
    pair.globex_is_intact().await;
}
