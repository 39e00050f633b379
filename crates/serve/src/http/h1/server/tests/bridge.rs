// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 clients of backends that speak HTTP/2.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::stage::on_stage;
use crate::http::h2::Local;

type Answer = Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>;

/// One HTTP/2 connection whose requests are all answered so.
async fn serve<F>(
    listener: &TcpListener,
    worker: std::rc::Rc<crate::worker::Worker>,
    answer: impl Fn(Request<Incoming>) -> F + 'static,
) where
    F: Future<Output = Answer> + 'static,
{
    let (stream, _) = listener.accept().await.unwrap();
    let service = service_fn(move |request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let _ =
        http2::Builder::new(Local(worker)).serve_connection(TokioIo::new(stream), service).await;
}

/// Says what it was asked, and adds a trailer.
async fn echo(request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let authority = parts.uri.authority().unwrap().to_string();
    let body = body.collect().await.unwrap();
    let sum = body.trailers().and_then(|trailers| trailers.get("x-sum")).cloned();
    let body = body.to_bytes();
    let forwarded = parts.headers.get("x-forwarded-for").unwrap().to_str().unwrap().to_owned();
    let text = format!(
        "{} {authority} {} {forwarded} {:?} {}",
        parts.method,
        parts.uri.path(),
        parts.headers.get("x-once"),
        String::from_utf8_lossy(&body)
    );
    let trailers = sum.map(|sum| HeaderMap::from_iter([("x-sum".parse().unwrap(), sum)]));
    let frames = [Some(Frame::data(Bytes::from(text))), trailers.map(Frame::trailers)];
    let frames = futures_util::stream::iter(frames.into_iter().flatten().map(Ok));
    Response::new(StreamBody::new(frames).boxed())
}

#[test]
fn a_request_is_turned_into_http_2_and_its_answer_back() {
    on_stage(|stage| async move {
        let requests = async {
            let mut client = stage.client().await;
            client.send("GET /a/../b HTTP/1.1\r\nHost: h2.test\r\nConnection: X-Once\r\nX-Once: 1\r\n\r\n").await;
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            let text = "GET h2.test /b 127.0.0.1 None ";
            let body = client.until("0\r\n\r\n").await;
            assert_eq!(body, format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len()));
            client.send("POST /c HTTP/1.1\r\nHost: h2.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
            client.send("2\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n").await;
            client.head().await;
            let body = client.until("x-sum: 7\r\n\r\n").await;
            assert!(
                body.contains("POST h2.test /c 127.0.0.1 None abcde\r\n0\r\nx-sum: 7\r\n\r\n"),
                "{body}"
            );
            client.send("POST /d HTTP/1.0\r\nHost: h2.test\r\nContent-Length: 2\r\n\r\nxy").await;
            let answer = String::from_utf8(client.rest().await).unwrap();
            assert!(answer.ends_with("\r\n\r\nPOST h2.test /d 127.0.0.1 None xy"), "{answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        };
        tokio::select! {
            () = requests => {}
            () = serve(&stage.multiplexed, stage.worker.clone(), echo) => panic!("one connection is used"),
        }
    });
}

#[test]
fn a_malformed_or_broken_body_resets_the_stream() {
    on_stage(|stage| async move {
        let requests = async {
            let mut client = stage.client().await;
            client.send("POST / HTTP/1.1\r\nHost: h2.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX").await;
            assert!(client.head().await.starts_with("HTTP/1.1 400 "));
            let mut client = stage.client().await;
            client.send("POST / HTTP/1.1\r\nHost: h2.test\r\nContent-Length: 5\r\n\r\nab").await;
            client.finish().await;
            assert_eq!(client.rest().await, b"");
        };
        let broken = |request: Request<Incoming>| async {
            assert!(request.into_body().collect().await.is_err(), "the body looks complete");
            Response::new(Full::new(Bytes::new()).boxed())
        };
        tokio::select! {
            () = requests => {}
            () = serve(&stage.multiplexed, stage.worker.clone(), broken) => panic!("it ends"),
        }
    });
}

#[test]
fn an_answer_before_the_body_is_passed_on() {
    on_stage(|stage| async move {
        let requests = async {
            let mut client = stage.client().await;
            client.send("POST / HTTP/1.1\r\nHost: h2.test\r\nContent-Length: 5\r\n\r\nab").await;
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
        };
        let refuse = |_| async {
            let mut answer = Response::new(Full::new(Bytes::new()).boxed());
            *answer.status_mut() = http::StatusCode::FORBIDDEN;
            answer
        };
        tokio::select! {
            () = requests => {}
            () = serve(&stage.multiplexed, stage.worker.clone(), refuse) => panic!("it ends"),
        }
    });
}

#[test]
fn a_backend_that_cannot_be_reached_is_a_502() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET / HTTP/1.1\r\nHost: dead2.test\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        client.until("502 bad gateway\n").await;
        client.send("HEAD / HTTP/1.1\r\nHost: dead2.test\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    });
}
