// SPDX-License-Identifier: Apache-2.0
//! What a client may ask for, for how long, and how often in vain.

use std::time::Duration;

use h2::Reason;

use super::*;
use crate::fixture::on_a_worker_without_waiting;

async fn stage() -> Stage {
    let backend = Backend::new().await.echo_heads();
    Stage::new(&[Site::new("acme", "a.test").backend(backend)])
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A field block without compression (RFC 7541, 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];

/// The kind, flags, stream and payload of the next frame; nothing at the end of the connection.
async fn next_frame(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await.ok()?;
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((head[3], head[4], id, payload))
}

const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;

#[test]
fn malformed_requests_are_reset_and_reach_no_backend() {
    let with = |extra: &[(&'static str, &'static str)]| [&GET[..], extra].concat();
    let cases = [
        with(&[("connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("keep-alive", "1")]),
        with(&[("proxy-connection", "close")]),
        with(&[("upgrade", "websocket")]),
        with(&[("te", "gzip")]),
        with(&[("X-Upper", "1")]),
        with(&[(":path", "/again")]),
        with(&[("late", "1"), (":method", "GET")]),
        with(&[(":unknown", "1")]),
        with(&[("x", "a\r\nb: c")]),
        with(&[("x", "a\0b")]),
        with(&[("x y", "a")]),
        with(&[("content-length", "5")]),
        GET[1..].to_vec(),
        GET[..3].to_vec(),
        vec![GET[0], GET[2], GET[3]],
        vec![GET[0], GET[1], GET[2], (":path", "")],
    ];
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        for fields in cases {
            let (mut socket, _served) = stage.sockets(None).await;
            socket.write_all(PREFACE).await.unwrap();
            socket.write_all(&frame(4, 0, 0, b"")).await.unwrap();
            socket.write_all(&frame(1, 0b101, 1, &block(&fields))).await.unwrap();
            loop {
                match next_frame(&mut socket).await {
                    Some((RST_STREAM, _, 1, _) | (GOAWAY, ..)) | None => break,
                    // HEADERS: only a 400 of our own (`0x8c` is `:status: 400` in the static table).
                    Some((1, _, 1, payload)) => {
                        assert_eq!(payload[0], 0x8c, "{fields:?}");
                        break;
                    }
                    Some(_) => {}
                }
            }
        }
        tokio::select! {
            biased;
            _ = backend.accept() => panic!("a backend was asked"),
            () = std::future::ready(()) => {}
        }
    });
}

#[test]
fn too_many_fields_are_refused() {
    on_a_worker(async {
        let client = stage().await.clear().await;
        let many = |count| {
            let request = Request::get("http://a.test/");
            let crumb = |request: http::request::Builder, _| request.header("cookie", "a=b");
            (0..count).fold(request, crumb).body(()).unwrap()
        };
        assert_eq!(client.whole(many(200)).await.unwrap().status, 200);
        assert_eq!(client.whole(many(257)).await.unwrap().status, 431);
        let large = Request::get("http://a.test/").header("x", "y".repeat(70_000));
        assert_eq!(client.whole(large.body(()).unwrap()).await.unwrap().status, 431);
        assert_eq!(client.get("http://a.test/").await.status, 200);
    });
}

#[test]
fn more_streams_than_allowed_are_refused() {
    on_a_worker(async {
        let stage = stage().await;
        let (mut socket, _served) = stage.sockets(None).await;
        socket.write_all(PREFACE).await.unwrap();
        socket.write_all(&frame(4, 0, 0, b"")).await.unwrap();
        let (kind, _, _, settings) = next_frame(&mut socket).await.unwrap();
        assert_eq!(kind, 4);
        let setting = |id: u16| {
            let found = settings.chunks(6).find(|setting| setting[..2] == id.to_be_bytes());
            found.map(|found| u32::from_be_bytes(found[2..].try_into().unwrap()))
        };
        assert_eq!(setting(3), Some(250), "SETTINGS_MAX_CONCURRENT_STREAMS");
        assert_eq!(setting(6), Some(64 * 1024), "SETTINGS_MAX_HEADER_LIST_SIZE");
        assert_eq!(setting(8), Some(1), "SETTINGS_ENABLE_CONNECT_PROTOCOL");
    });
}

#[test]
fn rapid_resets_end_the_connection() {
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let mut open = Vec::new();
        for _ in 0..10_000 {
            let Ok(mut sender) = client.sender.clone().ready().await else { break };
            let request = Request::get("http://a.test/").body(()).unwrap();
            let Ok((response, _)) = sender.send_request(request, true) else { break };
            // It has come as far as its backend, and is reset there.
            tokio::select! {
                biased;
                ended = response => if ended.is_err() { break },
                stream = backend.accept() => open.push(stream),
            }
        }
        assert!(open.len() < 300, "{} requests were begun", open.len());
        client.served.await.unwrap();
    });
}

#[test]
fn a_connection_that_sends_no_request_is_closed() {
    on_a_worker_without_waiting(async {
        let stage = stage().await;
        let started = tokio::time::Instant::now();
        let (_socket, served) = stage.sockets(None).await;
        served.await.unwrap();
        let client = stage.clear().await;
        client.served.await.unwrap();
        let waited = started.elapsed();
        assert!(waited >= Duration::from_secs(120) && waited < Duration::from_secs(130));
    });
}

#[test]
fn an_idle_connection_is_told_to_go_after_idle_timeout() {
    on_a_worker_without_waiting(async {
        let stage = stage().await;
        let client = stage.clear().await;
        assert_eq!(client.get("http://a.test/").await.status, 200);
        let idle = tokio::time::Instant::now();
        client.served.await.unwrap();
        client.connection.await.unwrap().unwrap();
        assert!(idle.elapsed() >= Duration::from_secs(179), "{:?}", idle.elapsed());
    });
}

#[test]
fn a_body_that_stands_still_is_timed_out() {
    on_a_worker_without_waiting(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let mut sender = client.sender.clone().ready().await.unwrap();
        let request = Request::post("http://a.test/").body(()).unwrap();
        let (response, mut up) = sender.send_request(request, false).unwrap();
        up.send_data(Bytes::from_static(b"half"), false).unwrap();
        let mut stream = backend.accept().await;
        let answer = whole(response.await.unwrap()).await.unwrap();
        assert_eq!(answer.status, 408);
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    });
}

#[test]
fn a_worker_that_stops_lets_open_requests_end() {
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let open = client.begin(Request::get("http://a.test/").body(()).unwrap()).await;
        let mut stream = backend.accept().await;
        read_head(&mut stream).await.unwrap();
        stage.worker.drain.end_idle();
        // GOAWAY: nothing new is begun.
        let mut refused = client.sender.clone();
        std::future::poll_fn(|cx| match refused.poll_ready(cx) {
            std::task::Poll::Ready(Err(error)) => {
                assert_eq!(error.reason(), Some(Reason::NO_ERROR));
                std::task::Poll::Ready(())
            }
            _ => {
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            }
        })
        .await;
        answer(&mut stream, "last").await;
        assert_eq!(whole(open.await.unwrap()).await.unwrap().text(), "last");
        client.served.await.unwrap();
        client.connection.await.unwrap().unwrap();
    });
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_after_write_timeout() {
    on_a_worker_without_waiting(async {
        let backend = Backend::new().await;
        let site = Site::new("acme", "a.test").backend(backend.address());
        let stage = Stage::configured(&[site], |config| {
            let mut entry_point = (*config.entry_points[0]).clone();
            entry_point.timeouts.write = Duration::from_secs(7);
            config.entry_points[0] = Arc::new(entry_point);
        });
        let client = stage.clear().await;
        let open = client.begin(Request::get("http://a.test/").body(()).unwrap()).await;
        let mut stream = backend.accept().await;
        read_head(&mut stream).await.unwrap();
        let answer =
            [&b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"[..], &[0; 200_000]].concat();
        stream.write_all(&answer).await.unwrap();
        // The window is used up, and never opened again.
        let _taken_nothing = open.await.unwrap();
        let begun = tokio::time::Instant::now();
        client.served.await.unwrap();
        let waited = begun.elapsed();
        assert!(waited >= Duration::from_secs(6) && waited < Duration::from_secs(20), "{waited:?}");
    });
}
