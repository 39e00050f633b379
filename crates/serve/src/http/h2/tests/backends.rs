// SPDX-License-Identifier: Apache-2.0
//! Connections to backends: kept or shared, left when their peer or the snapshot says so, made anew.

use postern_model::AppProtocol;

use super::*;

async fn stage() -> (Stage, Backend) {
    speaking(AppProtocol::H2c).await
}

async fn speaking(protocol: AppProtocol) -> (Stage, Backend) {
    let backend = Backend::new().await;
    let site = Site::new("acme", "a.test").backend(backend.address());
    (Stage::new(&[site.protocol(protocol)]), backend)
}

/// An idle connection of the pool, on which the backend has answered one request.
async fn idle(client: &Client, backend: &Backend) -> TcpStream {
    let serve = async {
        let mut stream = backend.accept().await;
        read_head(&mut stream).await.unwrap();
        super::answer(&mut stream, "first").await;
        stream
    };
    let (first, stream) = tokio::join!(client.get("http://a.test/"), serve);
    assert_eq!(first.text(), "first");
    stream
}

#[test]
fn what_may_be_repeated_is_when_an_idle_connection_closes_under_it() {
    on_a_worker(async {
        let (stage, backend) = speaking(AppProtocol::Http).await;
        let client = stage.clear().await;
        let mut old = idle(&client, &backend).await;
        let serve = async {
            assert!(read_head(&mut old).await.unwrap().starts_with("GET /again"));
            drop(old);
            let mut new = backend.accept().await;
            assert!(read_head(&mut new).await.unwrap().starts_with("GET /again"));
            super::answer(&mut new, "second").await;
            new
        };
        let (second, new) = tokio::join!(client.get("http://a.test/again"), serve);
        assert_eq!(second.text(), "second");
        drop(new);
    });
}

#[test]
fn what_may_not_be_repeated_is_a_bad_gateway_when_an_idle_connection_closes_under_it() {
    on_a_worker(async {
        let (stage, backend) = speaking(AppProtocol::Http).await;
        let client = stage.clear().await;
        for answer in ["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 2"] {
            let mut old = idle(&client, &backend).await;
            let serve = async {
                read_head(&mut old).await.unwrap();
                old.write_all(answer.as_bytes()).await.unwrap();
                drop(old);
            };
            // Whoever has begun to answer has got the request, whatever its method.
            let method = if answer.is_empty() { "POST" } else { "GET" };
            let request = Request::builder().method(method).uri("http://a.test/").body(());
            let (answered, ()) = tokio::join!(client.whole(request.unwrap()), serve);
            assert_eq!(answered.unwrap().status, 502, "{method} {answer}");
        }
    });
}

#[test]
fn a_connection_to_an_endpoint_that_is_gone_ends_with_its_last_stream() {
    on_a_worker_without_waiting(async {
        let (stage, backend) = stage().await;
        let other = Backend::new().await;
        let client = stage.clear().await;
        let open = client.begin(Request::get("http://a.test/open").body(()).unwrap()).await;
        let mut old = h2::server::handshake(backend.accept().await).await.unwrap();
        let (_, mut open_at_backend) = old.accept().await.unwrap().unwrap();
        let mut old = spawn_local(async move { while old.accept().await.is_some() {} });
        let site = Site::new("acme", "a.test").backend(other.address());
        let next = fixture::snapshot(2, &[site.protocol(AppProtocol::H2c)]);
        stage.shared.published.replace(next);
        let waited = tokio::time::timeout(std::time::Duration::from_secs(5), &mut old).await;
        assert!(waited.is_err(), "closed with a stream open");
        open_at_backend.send_response(Response::new(()), true).unwrap();
        assert_eq!(open.await.unwrap().status(), 200);
        let closed = tokio::time::timeout(std::time::Duration::from_secs(5), old).await;
        closed.expect("closed within its idle time").unwrap();
    });
}

#[test]
fn a_connection_that_says_goaway_ends_its_streams_and_gets_no_more() {
    on_a_worker(async {
        let (stage, backend) = stage().await;
        let client = stage.clear().await;
        let open = client.begin(Request::get("http://a.test/open").body(()).unwrap()).await;
        let mut old = h2::server::handshake(backend.accept().await).await.unwrap();
        let (_, mut open_at_backend) = old.accept().await.unwrap().unwrap();
        old.graceful_shutdown();
        let old = spawn_local(async move { while old.accept().await.is_some() {} });
        let new = async {
            let mut new = h2::server::handshake(backend.accept().await).await.unwrap();
            while let Some(request) = new.accept().await {
                request.unwrap().1.send_response(Response::new(()), true).unwrap();
            }
        };
        let next = async {
            // The worker hears of the GOAWAY some turns later; until then a request may still go the old way.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(client.get("http://a.test/next").await.status, 200);
            open_at_backend.send_response(Response::new(()), true).unwrap();
            assert_eq!(open.await.unwrap().status(), 200);
            old.await.unwrap();
        };
        tokio::select! {
            () = next => {}
            () = new => panic!("the new connection went"),
        }
    });
}

#[test]
fn a_backend_that_speaks_no_http2_is_a_bad_gateway() {
    on_a_worker(async {
        let (stage, backend) = stage().await;
        let client = stage.clear().await;
        let serve = async {
            let mut stream = backend.accept().await;
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                .await
                .unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        };
        let (answer, ()) = tokio::join!(client.get("http://a.test/"), serve);
        assert_eq!(answer.status, 502);
    });
}

#[test]
fn a_backend_that_is_gone_is_found_again() {
    on_a_worker(async {
        let (stage, backend) = stage().await;
        let client = stage.clear().await;
        for _ in 0..3 {
            let serve = async {
                let mut http = h2::server::handshake(backend.accept().await).await.unwrap();
                let (_, mut respond) = http.accept().await.unwrap().unwrap();
                respond.send_response(Response::new(()), true).unwrap();
                http.graceful_shutdown();
                while http.accept().await.is_some() {}
            };
            let (answer, ()) = tokio::join!(client.get("http://a.test/"), serve);
            assert_eq!(answer.status, 200);
        }
    });
}
