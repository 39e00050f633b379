// SPDX-License-Identifier: Apache-2.0
//! What breaks off on one side ends on the other, at once and visibly.

use std::future::poll_fn;

use h2::Reason;
use postern_model::AppProtocol;

use super::*;

async fn stage(protocol: AppProtocol) -> (Stage, Backend) {
    let backend = Backend::new().await;
    let site = Site::new("acme", "a.test").backend(backend.address()).protocol(protocol);
    (Stage::new(&[site]), backend)
}

fn get() -> Request<()> {
    Request::get("http://a.test/").body(()).unwrap()
}

/// Reads until the connection is closed, in whatever way.
async fn closed(stream: &mut TcpStream) {
    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
}

#[test]
fn a_reset_before_the_answer_closes_the_http1_connection() {
    on_a_worker(async {
        let (stage, backend) = stage(AppProtocol::Http).await;
        let client = stage.clear().await;
        let response = client.begin(get()).await;
        let mut stream = backend.accept().await;
        read_head(&mut stream).await.unwrap();
        drop(response);
        closed(&mut stream).await;
        // The client's connection goes on.
        let serve = async {
            let mut stream = backend.accept().await;
            read_head(&mut stream).await.unwrap();
            answer(&mut stream, "next").await;
        };
        let (next, ()) = tokio::join!(client.get("http://a.test/"), serve);
        assert_eq!(next.text(), "next");
    });
}

#[test]
fn a_reset_within_the_answer_closes_the_http1_connection() {
    on_a_worker(async {
        let (stage, backend) = stage(AppProtocol::Http).await;
        let client = stage.clear().await;
        let response = client.begin(get()).await;
        let mut stream = backend.accept().await;
        read_head(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await.unwrap();
        drop(response.await.unwrap());
        closed(&mut stream).await;
    });
}

#[test]
fn a_reset_resets_the_stream_of_an_http2_backend_and_nothing_else() {
    on_a_worker(async {
        let (stage, backend) = stage(AppProtocol::H2c).await;
        let client = stage.clear().await;
        let response = client.begin(get()).await;
        let mut http = h2::server::handshake(backend.accept().await).await.unwrap();
        let (_, mut first) = http.accept().await.unwrap().unwrap();
        drop(response);
        let reset = async {
            let reason = poll_fn(|cx| first.poll_reset(cx)).await.unwrap();
            assert_eq!(reason, Reason::CANCEL);
        };
        tokio::select! {
            () = reset => {}
            _ = http.accept() => panic!("there is no second request yet"),
        }
        let serve = async {
            let (_, mut second) = http.accept().await.unwrap().unwrap();
            second.send_response(Response::new(()), true).unwrap();
            let _ = http.accept().await;
        };
        tokio::select! {
            next = client.get("http://a.test/") => assert_eq!(next.status, 200),
            () = serve => panic!("the connection went"),
        }
    });
}

#[test]
fn an_answer_that_breaks_off_is_reset_and_never_looks_complete() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nx\r\n",
    ] {
        on_a_worker(async {
            let (stage, backend) = stage(AppProtocol::Http).await;
            let client = stage.clear().await;
            let serve = async {
                let mut stream = backend.accept().await;
                read_head(&mut stream).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            };
            let (ended, ()) = tokio::join!(client.whole(get()), serve);
            let error = ended.expect_err("half an answer");
            assert!(error.is_reset(), "{error}");
        });
    }
}

#[test]
fn an_answer_that_only_the_close_ends_is_complete_with_it() {
    on_a_worker(async {
        let (stage, backend) = stage(AppProtocol::Http).await;
        let client = stage.clear().await;
        let serve = async {
            let mut stream = backend.accept().await;
            read_head(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nall of it").await.unwrap();
        };
        let (whole, ()) = tokio::join!(client.get("http://a.test/"), serve);
        assert_eq!(whole.text(), "all of it");
    });
}

#[test]
fn a_request_that_breaks_off_never_looks_complete_to_its_backend() {
    on_a_worker(async {
        let (stage, backend) = stage(AppProtocol::Http).await;
        let client = stage.clear().await;
        let mut sender = client.sender.clone().ready().await.unwrap();
        let request = Request::post("http://a.test/").body(()).unwrap();
        let (_response, mut up) = sender.send_request(request, false).unwrap();
        up.send_data(Bytes::from_static(b"half"), false).unwrap();
        let mut stream = backend.accept().await;
        read_head(&mut stream).await.unwrap();
        let mut chunk = [0; 9];
        stream.read_exact(&mut chunk).await.unwrap();
        assert_eq!(&chunk, b"4\r\nhalf\r\n");
        up.send_reset(Reason::CANCEL);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    });
}

#[test]
fn another_endpoint_is_tried_when_nothing_was_sent() {
    on_a_worker(async {
        let dead = Backend::new().await.address();
        let alive = Backend::new().await.echo_heads();
        let stage = Stage::new(&[Site::new("acme", "a.test").backends(&[dead, alive])]);
        let client = stage.clear().await;
        for _ in 0..4 {
            assert_eq!(client.get("http://a.test/").await.status, 200);
        }
    });
}
