// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 over TLS and in the clear: streams side by side, bodies, trailers, gRPC.

use bytes::Bytes;
use http_body_util::Full;
use postern_tests::client::Http2;
use postern_tests::yaml::{documents, ingress, service_of, tenant};
use postern_tests::{Backend, Edge, HyperBackend, TestCertificate};

const HOST: &str = "a.example.test";

fn secret() -> String {
    TestCertificate::new(&[HOST]).secret("acme", "tls")
}

async fn edge_with(backend: &HyperBackend, protocol: &str) -> Edge {
    Edge::from_yaml(&documents(&[
        &secret(),
        &service_of("acme", "echo", protocol, &[backend.address()]),
        &ingress("acme", "site", &[HOST], "echo", Some("tls")),
    ]))
    .await
}

#[tokio::test]
async fn streams_side_by_side_are_answered_over_tls_and_in_the_clear() {
    let backend = Backend::start("acme").await;
    let yaml = documents(&[&secret(), &tenant("acme", &[HOST], backend.address())]);
    let edge = Edge::from_yaml(&yaml).await;
    for url in [format!("https://{HOST}/"), format!("http://{HOST}/")] {
        let requests = (0..50).map(|number| {
            let body = format!("body {number}");
            let request = edge.request("POST", &format!("{url}{number}")).http2().body(&body);
            async move { (body, request.send().await.from_backend("acme")) }
        });
        for (body, answer) in futures_util::future::join_all(requests).await {
            assert_eq!(answer.echo().expect("an echo")["body"], body.as_str());
        }
    }
}

#[tokio::test]
async fn one_connection_carries_many_streams() {
    let backend = Backend::start("acme").await;
    let yaml = documents(&[&secret(), &tenant("acme", &[HOST], backend.address())]);
    let edge = Edge::from_yaml(&yaml).await;
    let mut client = Http2::tls(edge.tls().sni(HOST)).await;
    for number in 0..100 {
        let path = format!("/{number}");
        let answer = client.get(HOST, &path).await.from_backend("acme");
        assert_eq!(answer.echo().expect("an echo")["target"], path.as_str());
        // What is specific to a connection has no place in HTTP/2 (RFC 9113, 8.2.2).
        assert_eq!(answer.header("connection"), None);
        assert_eq!(answer.header("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn large_bodies_stream_both_ways() {
    let backend = Backend::start("acme").await;
    let yaml = documents(&[&secret(), &tenant("acme", &[HOST], backend.address())]);
    let edge = Edge::from_yaml(&yaml).await;
    let body = "0123456789abcdef".repeat(1 << 16);
    let url = format!("https://{HOST}/");
    let answer = edge.request("POST", &url).http2().body(&body).send().await.from_backend("acme");
    assert_eq!(answer.echo().expect("an echo")["body"], body.as_str());
}

#[tokio::test]
async fn an_h2c_backend_is_spoken_to_in_http2() {
    let backend = HyperBackend::h2c("acme").await;
    for protocol in ["h2c", "kubernetes.io/h2c"] {
        let edge = edge_with(&backend, protocol).await;
        let url = format!("https://{HOST}/x?y");
        for answer in [
            edge.get(&url).send().await,
            edge.get(&url).http2().send().await,
            edge.request("POST", &url).body("hello").send().await,
        ] {
            answer.from_backend("acme");
        }
    }
}

#[tokio::test]
async fn grpc_comes_back_with_its_trailers() {
    let backend = HyperBackend::h2c("acme").await;
    let edge = edge_with(&backend, "h2c").await;
    let mut client = Http2::tls(edge.tls().sni(HOST)).await;
    for number in 0..10 {
        let message = format!("\0\0\0\0\x05hell{number}");
        let request = http::Request::post(format!("https://{HOST}/echo.Echo/Say"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(Bytes::from(message.clone())))
            .expect("a request");
        let answer = client.ask(request).await.is(200);
        assert_eq!(answer.text(), message);
        let status = answer.trailers.iter().find(|(name, _)| name == "grpc-status");
        assert_eq!(status.map(|(_, value)| value.as_str()), Some("0"), "{:?}", answer.trailers);
    }
}

#[tokio::test]
async fn head_and_204_have_no_body() {
    let backend = Backend::start("acme").await;
    let yaml = documents(&[&secret(), &tenant("acme", &[HOST], backend.address())]);
    let edge = Edge::from_yaml(&yaml).await;
    let url = format!("https://{HOST}/");
    let answer = edge.request("HEAD", &url).http2().send().await.is(200);
    assert!(answer.body.is_empty());
    assert!(answer.header("content-length").is_some());
}

#[tokio::test]
async fn a_client_may_choose_between_both_by_alpn() {
    let backend = Backend::start("acme").await;
    let yaml = documents(&[&secret(), &tenant("acme", &[HOST], backend.address())]);
    let edge = Edge::from_yaml(&yaml).await;
    for (offer, agreed) in [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2")] {
        let client = edge.tls().sni(HOST).alpn(offer[0]).alpn(offer[1]);
        let stream = client.connect().await.expect("the handshake succeeds");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed.as_bytes()));
    }
}
