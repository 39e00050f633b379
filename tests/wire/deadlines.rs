// SPDX-License-Identifier: Apache-2.0
//! Deadlines after routing: of a body that does not come, an answer that does not come, a connection that is not used.

use std::time::Duration;

use postern_tests::yaml::tenant;
use postern_tests::{Backend, EdgeBuilder, Raw, Reply};

const HOST: &str = "a.example.test";
const SHORT: Duration = Duration::from_millis(250);

fn url() -> String {
    format!("http://{HOST}/")
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let backend = Backend::start("acme").await;
    let edge = EdgeBuilder::new()
        .entry_points(|entry_point| entry_point.timeouts.idle = SHORT)
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.get(HOST, "/").await.from_backend("acme");
    raw.is_closed().await;
}

#[tokio::test]
async fn a_body_that_stops_coming_ends_the_request() {
    let backend = Backend::start("acme").await;
    let edge = EdgeBuilder::new()
        .entry_points(|entry_point| entry_point.timeouts.read = SHORT)
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhalf")).await;
    if let Some(answer) = raw.try_answer("POST").await {
        assert!(matches!(answer.status, 400 | 408 | 502), "{}", answer.status);
    }
    raw.rest().await;
    backend.until_idle().await;
    assert!(backend.received().is_empty());
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_504() {
    let backend = Backend::scripted("acme", |_| Reply::Silence).await;
    let edge = EdgeBuilder::new()
        .config(|config| config.upstream.response_header_timeout = SHORT)
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await;
    edge.get(&url()).expect(504).await;
    backend.until_idle().await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    let backend = Backend::scripted("acme", |_| Reply::Silence).await;
    let edge = EdgeBuilder::new()
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await;
    let mut raw = Raw::clear(edge.web()).await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    backend.until_received(1).await;
    drop(raw);
    backend.until_idle().await;
}

#[tokio::test]
async fn an_idle_upstream_connection_is_closed() {
    let backend = Backend::start("acme").await;
    let edge = EdgeBuilder::new()
        .config(|config| config.upstream.idle_timeout = SHORT)
        .file("acme.yaml", &tenant("acme", &[HOST], backend.address()))
        .start()
        .await;
    edge.get(&url()).send().await.from_backend("acme");
    backend.until_idle().await;
}
