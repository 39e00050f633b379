// SPDX-License-Identifier: Apache-2.0
//! What a backend is told, and what a client gets to see of its answer.

use super::*;

async fn stage() -> Stage {
    let backend = Backend::new().await.echo_heads();
    Stage::new(&[Site::new("acme", "a.test").backend(backend)])
}

#[test]
fn a_request_reaches_an_http1_backend_as_one_plain_request() {
    on_a_worker(async {
        let client = stage().await.clear().await;
        let request = Request::get("http://a.test/x/%2e%2e/hello?q=1&r")
            .header("cookie", "a=1")
            .header("accept", "*/*")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .header("x-forwarded-for", "203.0.113.9")
            .header("x_forwarded_for", "203.0.113.9")
            .header("x-real-ip", "203.0.113.9")
            .header("proxy", "http://evil.test")
            .header("expect", "100-continue");
        let answer = client.whole(request.body(()).unwrap()).await.unwrap();
        assert_eq!(answer.status, 200);
        let mut lines = lines(answer.text());
        assert_eq!(lines.remove(0), "get /hello?q=1&r http/1.1");
        assert_eq!(lines.remove(0), "host: a.test");
        lines.retain(|line| !line.starts_with("x-forwarded-server: "));
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "",
                "accept: */*",
                "cdn-loop: postern",
                "connection: te",
                "cookie: a=1; b=2",
                "te: trailers",
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-host: a.test",
                "x-forwarded-port: 80",
                "x-forwarded-proto: http",
                "x-real-ip: 127.0.0.1",
            ]
        );
    });
}

#[test]
fn fields_of_the_connection_stay_on_it() {
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let serve = async {
            let mut stream = backend.accept().await;
            read_head(&mut stream).await.unwrap();
            let head = "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\n\
                        X-End: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(head.as_bytes()).await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.get("http://a.test/"), serve);
        assert_eq!(answer.text(), "ok");
        assert_eq!(answer.headers["x-end"], "2");
        assert_eq!(answer.headers["content-length"], "2");
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
        for gone in ["connection", "x-hop", "keep-alive"] {
            assert!(!answer.headers.contains_key(gone), "{gone}");
        }
        assert!(answer.headers.contains_key("date"));
    });
}

#[test]
fn an_answer_whose_head_trickles_in_is_read_like_any_other() {
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let serve = async {
            let mut stream = backend.accept().await;
            stream.set_nodelay(true).unwrap();
            read_head(&mut stream).await.unwrap();
            let answer = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\nX: \r\nY: 1\r\n\
                          Content-Length: 2\r\n\r\nok";
            for byte in answer.as_bytes() {
                stream.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (answer, ()) = tokio::join!(client.get("http://a.test/"), serve);
        assert_eq!((answer.text(), &answer.headers["y"]), ("ok", &"1".parse().unwrap()));
    });
}

#[test]
fn answers_without_a_body_have_none() {
    on_a_worker(async {
        let backend = Backend::new().await;
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
        let client = stage.clear().await;
        let serve = async {
            let mut stream = backend.accept().await;
            for head in [
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                "HTTP/1.1 204 No Content\r\n\r\n",
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n",
            ] {
                read_head(&mut stream).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
            }
            stream
        };
        let ask = async {
            let head = Request::head("http://a.test/").body(()).unwrap();
            let head = client.whole(head).await.unwrap();
            assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
            assert_eq!(head.headers["content-length"], "5");
            assert!(!head.headers.contains_key("link"));
            let empty = client.get("http://a.test/").await;
            assert_eq!((empty.status.as_u16(), empty.body.len()), (204, 0));
            let known = client.get("http://a.test/").await;
            assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
            assert_eq!(known.headers["etag"], "x");
        };
        // All three on one connection: the pool got it back each time.
        tokio::join!(serve, ask);
    });
}

#[test]
fn what_is_no_answer_is_a_bad_gateway() {
    for head in [
        "garbage\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "",
    ] {
        on_a_worker(async {
            let backend = Backend::new().await;
            let stage = Stage::new(&[Site::new("acme", "a.test").backend(backend.address())]);
            let client = stage.clear().await;
            let serve = async {
                let mut stream = backend.accept().await;
                read_head(&mut stream).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
            };
            let (answer, ()) = tokio::join!(client.get("http://a.test/"), serve);
            assert_eq!(answer.status, 502, "{head}");
        });
    }
}

#[test]
fn a_backend_that_is_not_there_is_a_bad_gateway() {
    on_a_worker(async {
        let address = Backend::new().await.address();
        let stage = Stage::new(&[Site::new("acme", "a.test").backend(address)]);
        assert_eq!(stage.clear().await.get("http://a.test/").await.status, 502);
    });
}
