// SPDX-License-Identifier: Apache-2.0
//! WebSockets over HTTP/2 to backends that know them over HTTP/1.1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use h2::SendStream;
use h2::ext::Protocol;

use super::*;

async fn stage() -> (Stage, Backend) {
    let backend = Backend::new().await;
    let site = Site::new("acme", "a.test").backend(backend.address());
    (Stage::new(&[site]), backend)
}

/// Waits until the server has said that it takes extended CONNECT, then sends one.
async fn connect(
    client: &Client,
    protocol: &'static str,
    uri: &str,
) -> (ResponseFuture, SendStream<Bytes>) {
    let mut sender = client.sender.clone().ready().await.unwrap();
    while !sender.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let request = Request::connect(uri)
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat")
        .header("origin", "http://a.test")
        .extension(Protocol::from_static(protocol));
    sender.send_request(request.body(()).unwrap(), false).unwrap()
}

fn accept(lines: &[String], head: &str) -> String {
    assert!(lines.iter().any(|line| line == "sec-websocket-version: 13"));
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    assert_eq!(STANDARD.decode(key).unwrap().len(), 16);
    let answer = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let sha1 = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
    STANDARD.encode(aws_lc_rs::digest::digest(sha1, answer.as_bytes()))
}

async fn serve(backend: &Backend) -> TcpStream {
    let mut stream = backend.accept().await;
    let head = read_head(&mut stream).await.unwrap();
    let lines = lines(&head);
    assert_eq!(lines[0], "get /chat?room=1 http/1.1");
    for expected in [
        "host: a.test",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-protocol: chat",
        "origin: http://a.test",
        "x-forwarded-proto: ws",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}");
    }
    let accept = accept(&lines, &head);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\nfirst"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream
}

#[test]
fn a_websocket_is_carried_both_ways_and_closes_in_halves() {
    on_a_worker(async {
        let (stage, backend) = stage().await;
        let client = stage.clear().await;
        let (response, mut up) = connect(&client, "websocket", "http://a.test/chat?room=1").await;
        let (response, mut stream) = tokio::join!(response, serve(&backend));
        let (parts, mut down) = response.unwrap().into_parts();
        assert_eq!(parts.status, 200);
        assert_eq!(parts.headers["sec-websocket-protocol"], "chat");
        for gone in ["sec-websocket-accept", "upgrade", "connection"] {
            assert!(!parts.headers.contains_key(gone), "{gone}");
        }
        assert_eq!(down.data().await.unwrap().unwrap(), "first");
        up.send_data(Bytes::from_static(b"hello"), false).unwrap();
        let mut five = [0; 5];
        stream.read_exact(&mut five).await.unwrap();
        assert_eq!(&five, b"hello");
        stream.write_all(b"world").await.unwrap();
        assert_eq!(down.data().await.unwrap().unwrap(), "world");
        up.send_data(Bytes::from_static(b"bye"), true).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"bye");
        stream.write_all(b"last").await.unwrap();
        drop(stream);
        assert_eq!(down.data().await.unwrap().unwrap(), "last");
        while let Some(end) = down.data().await {
            assert_eq!(end.unwrap(), "");
        }
    });
}

#[test]
fn a_client_that_resets_closes_the_backends_end() {
    on_a_worker(async {
        let (stage, backend) = stage().await;
        let client = stage.clear().await;
        let (response, up) = connect(&client, "websocket", "http://a.test/chat?room=1").await;
        let (response, mut stream) = tokio::join!(response, serve(&backend));
        drop((response.unwrap(), up));
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    });
}

#[test]
fn without_a_proper_101_there_is_no_tunnel() {
    for (answer, status) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403),
        ("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
            502,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            502,
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n", 502),
    ] {
        on_a_worker(async {
            let (stage, backend) = stage().await;
            let client = stage.clear().await;
            let (response, mut up) = connect(&client, "websocket", "http://a.test/").await;
            up.send_data(Bytes::from_static(b"too early"), false).unwrap();
            let serve = async {
                let mut stream = backend.accept().await;
                read_head(&mut stream).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream
            };
            let (response, mut stream) = tokio::join!(response, serve);
            assert_eq!(response.unwrap().status(), status, "{answer}");
            drop(up);
            // No byte of the client's was carried.
            let mut carried = Vec::new();
            if status == 502 {
                let _ = stream.read_to_end(&mut carried).await;
            }
            assert_eq!(carried, b"");
        });
    }
}

#[test]
fn other_protocols_and_other_tenants_are_refused() {
    on_a_worker(async {
        let (stage, _backend) = stage().await;
        let client = stage.clear().await;
        let (response, _up) = connect(&client, "connect-udp", "http://a.test/").await;
        assert_eq!(response.await.unwrap().status(), 501);
        let (response, _up) = connect(&client, "websocket", "http://b.test/").await;
        assert_eq!(response.await.unwrap().status(), 404);
    });
}
