// SPDX-License-Identifier: Apache-2.0
//! Bodies and trailers: both ways at once, in pieces, without end, and never more of them in memory than fits.

use std::cell::Cell;
use std::convert::Infallible;

use http_body::{Body, Frame};
use http_body_util::StreamBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use postern_model::AppProtocol;

use super::*;
use crate::http::h2::Local;

/// A backend that speaks HTTP/2, answers at once, and sends back each piece of the request as it comes, with the
/// request's trailers.
async fn echo_http2(worker: &Rc<Worker>) -> SocketAddr {
    let backend = Backend::new().await;
    let address = backend.address();
    let local = Local(worker.clone());
    spawn_local(async move {
        loop {
            let stream = TokioIo::new(backend.accept().await);
            let service = service_fn(|request: Request<Incoming>| async {
                let mut response = Response::builder().header("x-te", value(&request, "te"));
                response = response.header("x-host", request.uri().authority().unwrap().as_str());
                response = response.header("x-for", value(&request, "x-forwarded-for"));
                response = response.header("x-path", request.uri().path());
                Ok::<_, Infallible>(response.body(request.into_body()).unwrap())
            });
            let http = hyper::server::conn::http2::Builder::new(local.clone());
            spawn_local(http.serve_connection(stream, service));
        }
    });
    address
}

fn value(request: &Request<Incoming>, name: &str) -> http::HeaderValue {
    request.headers().get(name).cloned().unwrap_or(http::HeaderValue::from_static(""))
}

async fn over_http2() -> Stage {
    let stage = Stage::new(&[]);
    let backend = echo_http2(&stage.worker).await;
    let site = Site::new("acme", "a.test").backend(backend).protocol(AppProtocol::H2c);
    stage.shared.published.replace(fixture::snapshot(2, &[site]));
    stage
}

/// A gRPC call as it is on the wire: a piece, the answer's piece, the next, then trailers both ways.
async fn converse(client: &Client) -> (HeaderMap, Option<HeaderMap>) {
    let request = Request::post("http://a.test/pkg.Service/Method")
        .header("te", "trailers")
        .header("content-type", "application/grpc");
    let mut sender = client.sender.clone().ready().await.unwrap();
    let (response, mut up) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    up.send_data(Bytes::from_static(b"0"), false).unwrap();
    let response = response.await.unwrap();
    let (parts, mut down) = response.into_parts();
    for number in 1..20 {
        let piece = down.data().await.unwrap().unwrap();
        assert_eq!(piece, (number - 1).to_string());
        down.flow_control().release_capacity(piece.len()).unwrap();
        up.send_data(Bytes::from(number.to_string()), false).unwrap();
    }
    assert_eq!(down.data().await.unwrap().unwrap(), "19");
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    trailers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    up.send_trailers(trailers).unwrap();
    assert!(down.data().await.is_none());
    (parts.headers, down.trailers().await.unwrap())
}

#[test]
fn grpc_goes_both_ways_at_once_with_trailers() {
    on_a_worker(async {
        let stage = over_http2().await;
        let client = stage.clear().await;
        let (headers, trailers) = converse(&client).await;
        assert_eq!(headers["x-te"], "trailers");
        assert_eq!(headers["x-host"], "a.test");
        assert_eq!(headers["x-for"], "127.0.0.1");
        assert_eq!(headers["x-path"], "/pkg.Service/Method");
        assert_eq!(trailers.unwrap()["grpc-status"], "0");
    });
}

#[test]
fn many_requests_share_one_connection_to_an_http2_backend() {
    on_a_worker(async {
        let stage = over_http2().await;
        let client = stage.clear().await;
        let all = (0..50).map(|_| client.get("http://a.test/"));
        for answer in futures_util::future::join_all(all).await {
            assert_eq!(answer.status, 200);
        }
        assert!(
            stage.counted("postern_upstream_events_total{tenant=\"acme\",event=\"connected\"} 1")
        );
    });
}

#[test]
fn a_chunked_conversation_with_an_http1_backend_has_trailers_both_ways() {
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let serve = async {
            let mut stream = backend.accept().await;
            let head = lines(&read_head(&mut stream).await.unwrap());
            assert!(head.contains(&"transfer-encoding: chunked".to_owned()));
            // An early answer: the request is not over.
            let head =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            for number in 0..20 {
                let mut chunk = vec![0; format!("1\r\n{number}\r\n").len()];
                stream.read_exact(&mut chunk).await.unwrap();
                let size = number.to_string().len();
                assert_eq!(chunk, format!("{size}\r\n{number}\r\n").as_bytes());
                stream.write_all(&chunk).await.unwrap();
            }
            let mut end = Vec::new();
            while !end.ends_with(b"\r\n\r\n") {
                end.push(stream.read_u8().await.unwrap());
            }
            assert_eq!(end, b"0\r\ngrpc-status: 0\r\n\r\n");
            stream.write_all(&end).await.unwrap();
            stream
        };
        let ((_, trailers), mut stream) = tokio::join!(converse(&client), serve);
        assert_eq!(trailers.unwrap()["grpc-status"], "0");
        // The connection is kept, and used again.
        let again = async {
            read_head(&mut stream).await.unwrap();
            answer(&mut stream, "again").await;
        };
        let (whole, ()) = tokio::join!(client.get("http://a.test/"), again);
        assert_eq!(whole.text(), "again");
    });
}

#[test]
fn a_declared_length_is_kept() {
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let serve = async {
            let mut stream = backend.accept().await;
            let head = lines(&read_head(&mut stream).await.unwrap());
            assert!(head.contains(&"content-length: 5".to_owned()));
            assert!(!head.iter().any(|line| line.starts_with("transfer-encoding")));
            let mut body = [0; 5];
            stream.read_exact(&mut body).await.unwrap();
            answer(&mut stream, std::str::from_utf8(&body).unwrap()).await;
        };
        let ask = async {
            let request = Request::post("http://a.test/").header("content-length", "5");
            let mut sender = client.sender.clone().ready().await.unwrap();
            let request = request.body(()).unwrap();
            let (response, mut up) = sender.send_request(request, false).unwrap();
            up.send_data(Bytes::from_static(b"he"), false).unwrap();
            up.send_data(Bytes::from_static(b"llo"), true).unwrap();
            whole(response.await.unwrap()).await.unwrap()
        };
        let (answer, ()) = tokio::join!(ask, serve);
        assert_eq!(answer.text(), "hello");
    });
}

/// A backend that sends as fast as it may, and counts what it could send.
fn gush(sent: &Rc<Cell<usize>>) -> impl Body<Data = Bytes, Error = Infallible> + use<> {
    let sent = sent.clone();
    let pieces = futures_util::stream::repeat_with(move || {
        sent.set(sent.get() + 16 * 1024);
        Ok(Frame::data(Bytes::from_static(&[0; 16 * 1024])))
    });
    StreamBody::new(pieces)
}

#[test]
fn a_client_that_does_not_read_holds_its_backend_back() {
    for protocol in [AppProtocol::Http, AppProtocol::H2c] {
        on_a_worker(async {
            let stage = Stage::new(&[]);
            let backend = Backend::new().await;
            let site = Site::new("acme", "a.test").backend(backend.address()).protocol(protocol);
            stage.shared.published.replace(fixture::snapshot(2, &[site]));
            let sent = Rc::new(Cell::new(0));
            let counted = sent.clone();
            let service = service_fn(move |_| {
                let body = gush(&counted);
                async { Ok::<_, Infallible>(Response::new(body)) }
            });
            let local = Local(stage.worker.clone());
            let serve = async {
                let stream = TokioIo::new(backend.accept().await);
                if protocol == AppProtocol::H2c {
                    let http = hyper::server::conn::http2::Builder::new(local);
                    let _ = http.serve_connection(stream, service).await;
                } else {
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(stream, service).await;
                }
            };
            let client = stage.clear().await;
            let ask = async {
                let response =
                    client.begin(Request::get("http://a.test/").body(()).unwrap()).await.await;
                // Until nothing moves any more: then what was sent is what is held somewhere.
                let mut last = usize::MAX;
                while last != sent.get() {
                    last = sent.get();
                    for _ in 0..1000 {
                        tokio::task::yield_now().await;
                    }
                }
                response
            };
            tokio::select! {
                _ = ask => {}
                () = serve => panic!("the backend gave up"),
            }
            // The kernel's buffers for three sockets, and a few windows.
            assert!(sent.get() < 16 << 20, "{} bytes were taken from the backend", sent.get());
            assert!(sent.get() > 0);
        });
    }
}
