// SPDX-License-Identifier: Apache-2.0
//! What backends are told about the client: by Traefik's rules, believed only from peers that the operator trusts.

use postern_tests::yaml::{documents, tenant};
use postern_tests::{Answer, Backend, Edge, EdgeBuilder, TestCertificate};

const HOST: &str = "a.example.test";

async fn edge(backend: &Backend, trusted: &str) -> Edge {
    let secret = TestCertificate::new(&[HOST]).secret("acme", "tls");
    EdgeBuilder::new()
        .entry_points(|entry_point| {
            entry_point.forwarded.trusted_ips = trusted
                .split(',')
                .filter(|net| !net.is_empty())
                .map(|net| net.parse().expect("a network"))
                .collect();
        })
        .file("acme.yaml", &documents(&[&secret, &tenant("acme", &[HOST], backend.address())]))
        .start()
        .await
}

fn told(answer: &Answer) -> Vec<String> {
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip"]
        .iter()
        .map(|name| answer.echoed(name).join("|"))
        .collect()
}

async fn ask(edge: &Edge, url: &str) -> Vec<String> {
    let request = edge
        .get(url)
        .header("X-Forwarded-For", "198.51.100.7, 203.0.113.9")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "shop.test")
        .header("X-Forwarded-Port", "8443")
        .header("X-Real-Ip", "198.51.100.7");
    told(&request.send().await.from_backend("acme"))
}

#[tokio::test]
async fn a_stranger_is_described_by_what_is_seen() {
    let backend = Backend::start("acme").await;
    for trusted in ["", "10.0.0.0/8"] {
        let edge = edge(&backend, trusted).await;
        let clear = ask(&edge, "http://a.example.test:8000/").await;
        assert_eq!(clear, ["127.0.0.1", "http", "a.example.test:8000", "8000", "127.0.0.1"]);
        let secure = ask(&edge, "https://a.example.test/").await;
        assert_eq!(secure, ["127.0.0.1", "https", "a.example.test", "443", "127.0.0.1"]);
    }
}

#[tokio::test]
async fn a_trusted_peer_is_believed_and_appended_to() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend, "127.0.0.0/8").await;
    let expected =
        ["198.51.100.7, 203.0.113.9, 127.0.0.1", "https", "shop.test", "8443", "198.51.100.7"];
    assert_eq!(ask(&edge, "http://a.example.test/").await, expected);
    // The host that is routed by is the request's own, never a forwarded one.
    let answer = edge.get("http://b.example.test/").header("X-Forwarded-Host", HOST).send().await;
    answer.is(404);
}

#[tokio::test]
async fn both_protocols_tell_the_same() {
    let backend = Backend::start("acme").await;
    let edge = edge(&backend, "").await;
    let url = "https://a.example.test/";
    let one = told(&edge.get(url).send().await.from_backend("acme"));
    let two = told(&edge.get(url).http2().send().await.from_backend("acme"));
    assert_eq!(one, two);
}
