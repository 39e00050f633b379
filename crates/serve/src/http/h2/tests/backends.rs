// SPDX-License-Identifier: Apache-2.0
//! Connections to backends that speak HTTP/2: shared, left when their peer says so, made anew.

use postern_model::AppProtocol;

use super::*;

async fn stage() -> (Stage, Backend) {
    let backend = Backend::new().await;
    let site = Site::new("acme", "a.test").backend(backend.address());
    (Stage::new(&[site.protocol(AppProtocol::H2c)]), backend)
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
