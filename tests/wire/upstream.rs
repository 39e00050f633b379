// SPDX-License-Identifier: Apache-2.0
//! Backends: TLS with verification, round robin, retry before a byte was sent, drain when an endpoint goes.

use std::net::SocketAddr;

use postern_tests::yaml::{documents, ingress, service, service_of};
use postern_tests::{Backend, Edge, EdgeBuilder, HyperBackend, Raw, Reply, TestCertificate};
use rustls::pki_types::CertificateDer;

const HOST: &str = "a.example.test";

fn yaml(protocol: &str, endpoints: &[SocketAddr]) -> String {
    documents(&[
        &service_of("acme", "echo", protocol, endpoints),
        &ingress("acme", "site", &[HOST], "echo", None),
    ])
}

fn url() -> String {
    format!("http://{HOST}/")
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address")
}

#[tokio::test]
async fn a_tls_backend_is_verified_against_the_roots_and_the_services_name() {
    let right = TestCertificate::new(&["echo.acme.svc"]);
    let wrong = TestCertificate::new(&["echo.globex.svc"]);
    let roots = [&right, &wrong].map(|certificate| CertificateDer::from(certificate.der.clone()));
    let trusting = |builder: EdgeBuilder, roots: &[CertificateDer<'static>]| {
        let roots = roots.to_vec();
        builder.config(|config| config.upstream.root_certificates = roots)
    };
    for (certificate, trusted, status) in
        [(&right, true, 200), (&right, false, 502), (&wrong, true, 502)]
    {
        let backend = HyperBackend::tls("acme", certificate).await;
        let roots = if trusted { &roots[..] } else { &[] };
        let builder = trusting(EdgeBuilder::new(), roots);
        let edge = builder.file("acme.yaml", &yaml("https", &[backend.address()])).start().await;
        edge.get(&url()).expect(status).await;
        assert_eq!(backend.requests(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn a_tls_backend_may_go_unverified_when_the_operator_says_so() {
    let certificate = TestCertificate::new(&["whatever.test"]);
    let backend = HyperBackend::tls("acme", &certificate).await;
    let edge = EdgeBuilder::new()
        .config(|config| config.upstream.insecure_skip_verify = true)
        .file("acme.yaml", &yaml("https", &[backend.address()]))
        .start()
        .await;
    edge.get(&url()).send().await.from_backend("acme");
}

#[tokio::test]
async fn endpoints_take_turns() {
    let backends =
        [Backend::start("one").await, Backend::start("two").await, Backend::start("three").await];
    let addresses = backends.each_ref().map(Backend::address);
    let edge = EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &yaml("http", &addresses))
        .start()
        .await;
    for _ in 0..30 {
        edge.get(&url()).expect(200).await;
    }
    for backend in &backends {
        assert_eq!(backend.received().len(), 10, "{}", backend.name());
    }
}

#[tokio::test]
async fn an_endpoint_that_refuses_connections_costs_no_request() {
    let backend = Backend::start("alive").await;
    let yaml = yaml("http", &[nobody().await, backend.address()]);
    let edge = EdgeBuilder::new().file("acme.yaml", &yaml).start().await;
    for number in 0..20 {
        let answer = edge.request("POST", &url()).body(format!("{number}")).send().await;
        answer.from_backend("alive");
    }
}

#[tokio::test]
async fn without_any_endpoint_that_answers_it_is_502_and_without_any_503() {
    let edge = EdgeBuilder::new().file("acme.yaml", &yaml("http", &[nobody().await])).start().await;
    edge.get(&url()).expect(502).await;
    edge.apply("acme.yaml", &yaml("http", &[]));
    edge.get(&url()).expect(503).await;
}

#[tokio::test]
async fn a_request_that_was_sent_is_not_sent_again() {
    let failing = Backend::scripted("failing", |_| Reply::Close).await;
    let edge = EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &yaml("http", &[failing.address()]))
        .start()
        .await;
    edge.request("POST", &url()).body("once").expect(502).await;
    assert_eq!(failing.received().len(), 1);
}

#[tokio::test]
async fn a_pooled_connection_that_the_backend_closed_costs_no_request() {
    // Each connection takes one request and closes right after its answer.
    let backend = Backend::scripted("acme", |head| {
        let received =
            postern_tests::Received { connection: 0, head: head.clone(), body: Vec::new() };
        Reply::Last(postern_tests::backend::echo("acme", &received))
    })
    .await;
    let edge = EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &yaml("http", &[backend.address()]))
        .start()
        .await;
    for _ in 0..30 {
        edge.get(&url()).send().await.from_backend("acme");
        backend.until_idle().await;
    }
}

#[tokio::test]
async fn what_is_no_answer_is_502_and_ends_the_connection() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx y: z\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    ] {
        let backend = Backend::scripted("acme", move |_| Reply::Bytes(bytes.into())).await;
        let edge = Edge::from_yaml(&yaml("http", &[backend.address()])).await;
        edge.get(&url()).expect(502).await;
        backend.until_idle().await;
    }
}

#[tokio::test]
async fn an_endpoint_that_goes_finishes_what_it_began() {
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    let edge = EdgeBuilder::new().file("acme.yaml", &yaml("http", &[old.address()])).start().await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhello")).await;
    // The request is at the old endpoint when that goes.
    postern_tests::patience::until("the request arrives", || async {
        (old.open() == 1).then_some(())
    })
    .await;
    edge.apply("acme.yaml", &yaml("http", &[new.address()]));
    edge.get(&url()).send().await.from_backend("new");
    raw.send("world").await;
    let answer = raw.answer().await.from_backend("old");
    assert_eq!(answer.echo().expect("an echo")["body"], "helloworld");
    // The next one on the same client connection goes to the new endpoint.
    raw.get(HOST, "/").await.from_backend("new");
}

#[tokio::test]
async fn idle_connections_to_an_endpoint_that_is_gone_are_closed() {
    let (old, new) = (Backend::start("old").await, Backend::start("new").await);
    let edge = EdgeBuilder::new()
        .config(|config| config.workers = 1)
        .file("acme.yaml", &yaml("http", &[old.address()]))
        .start()
        .await;
    edge.get(&url()).send().await.from_backend("old");
    edge.apply("acme.yaml", &yaml("http", &[new.address()]));
    edge.get(&url()).send().await.from_backend("new");
    old.until_idle().await;
}

#[tokio::test]
async fn a_change_of_endpoints_loses_no_request() {
    let (one, two) = (Backend::start("one").await, Backend::start("two").await);
    let edge = EdgeBuilder::new().file("acme.yaml", &yaml("http", &[one.address()])).start().await;
    let mut raw = Raw::clear(edge.web()).await;
    for number in 0..100 {
        let address = if number % 2 == 0 { two.address() } else { one.address() };
        edge.apply("acme.yaml", &yaml("http", &[address]));
        let expected = if number % 2 == 0 { "two" } else { "one" };
        raw.get(HOST, "/").await.from_backend(expected);
    }
}

#[tokio::test]
async fn the_address_is_sent_as_host_when_the_service_says_so() {
    let backend = Backend::start("acme").await;
    let annotated = service("acme", "echo", &[backend.address()]).replace(
        "metadata: {name: echo, namespace: acme}",
        "metadata: {name: echo, namespace: acme, annotations: {traefik.ingress.kubernetes.io/service.passhostheader: \"false\"}}",
    );
    let yaml = documents(&[&annotated, &ingress("acme", "site", &[HOST], "echo", None)]);
    let edge = Edge::from_yaml(&yaml).await;
    let answer = edge.get(&url()).send().await.from_backend("acme");
    assert_eq!(answer.echoed("host"), [backend.address().to_string()]);
}
