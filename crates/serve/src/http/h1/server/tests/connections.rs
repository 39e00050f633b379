// SPDX-License-Identifier: Apache-2.0
//! Which connection a request uses, which is used again, and when connections end.

use std::time::Duration;

use super::stage::{OK, on_stage, on_stage_with};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

#[test]
fn pipelined_requests_are_answered_in_order() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        let requests =
            ["/1", "/2", "/3"].map(|p| format!("GET {p} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        client.send(requests.concat()).await;
        let mut backend = stage.backend().await;
        for path in ["/1", "/2", "/3"] {
            assert!(backend.head().await.starts_with(&format!("GET {path} ")));
            assert!(backend.is_silent().await, "the next request waits");
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{path}!");
            backend.send(&answer).await;
            assert_eq!(client.until("!").await, answer);
        }
    });
}

#[test]
fn a_backend_that_answers_twice_poisons_nobody() {
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let body = "HTTP/1.1 204 No Content\r\n\r\nevil";
    for answer in [twice, body] {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            client.send(GET).await;
            let mut first = stage.backend().await;
            first.head().await;
            first.send(answer).await;
            client.head().await;
            let mut other = stage.client().await;
            other.send(GET).await;
            let mut second = stage.backend().await;
            second.head().await;
            second.send(OK).await;
            assert_eq!(other.head().await, OK);
            assert_eq!(first.rest().await, b"");
        });
    }
}

#[test]
fn late_bytes_on_an_idle_connection_end_it() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send(GET).await;
        let mut first = stage.backend().await;
        first.head().await;
        first.send(OK).await;
        client.head().await;
        first.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").await;
        // The worker hears of the bytes before it hears of the next request.
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        client.send(GET).await;
        let mut second = stage.backend().await;
        second.head().await;
        second.send(OK).await;
        assert_eq!(client.head().await, OK);
    });
}

#[test]
fn no_tenant_uses_another_tenants_connection() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send(GET).await;
        let mut first = stage.backend().await;
        first.head().await;
        first.send(OK).await;
        client.head().await;
        // The same endpoint, another tenant.
        client.send(GET.replace("a.test", "other.test")).await;
        let mut second = stage.backend().await;
        second.head().await;
        second.send(OK).await;
        client.head().await;
        assert!(first.is_silent().await);
        // The same tenant, another host.
        client.send(GET.replace("a.test", "own.test")).await;
        assert!(first.head().await.contains("\r\nHost: own.test\r\n"));
    });
}

#[test]
fn what_the_backend_wants_closed_is_not_used_again() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        on_stage(|stage| async move {
            let mut client = stage.client().await;
            client.send(GET).await;
            let mut first = stage.backend().await;
            first.head().await;
            first.send(answer).await;
            assert_eq!(client.head().await, OK);
            client.send(GET).await;
            let mut second = stage.backend().await;
            second.head().await;
            second.send(OK).await;
            assert_eq!(client.head().await, OK);
        });
    }
}

#[test]
fn a_request_is_sent_again_when_an_idle_connection_closed_under_it() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send(GET).await;
        let mut first = stage.backend().await;
        first.head().await;
        first.send(OK).await;
        client.head().await;
        client.send(GET).await;
        first.head().await;
        drop(first);
        let mut second = stage.backend().await;
        assert!(second.head().await.starts_with("GET / HTTP/1.1\r\nHost: a.test\r\n"));
        second.send(OK).await;
        assert_eq!(client.head().await, OK);
    });
}

#[test]
fn a_request_that_may_have_had_an_effect_is_not_sent_again() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send(GET).await;
        let mut first = stage.backend().await;
        first.head().await;
        first.send(OK).await;
        client.head().await;
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx").await;
        first.until("x").await;
        drop(first);
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        assert!(!stage.backend_is_asked().await);
    });
}

#[test]
fn a_new_connection_that_closes_without_an_answer_is_a_502() {
    on_stage(|stage| async move {
        for answer in [
            "",
            "HTTP/1.1 200",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 101 X\r\n\r\n",
        ] {
            let mut client = stage.client().await;
            client.send(GET).await;
            let mut backend = stage.backend().await;
            backend.head().await;
            backend.send(answer).await;
            drop(backend);
            assert!(client.head().await.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer:?}");
            client.until("502 bad gateway\n").await;
        }
    });
}

#[test]
fn another_endpoint_is_tried_when_one_cannot_be_reached() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        for _ in 0..4 {
            client.send("POST / HTTP/1.1\r\nHost: half.test\r\nContent-Length: 2\r\n\r\nab").await;
            let mut backend = stage.backend().await;
            assert!(
                backend.until("ab").await.starts_with("POST / HTTP/1.1\r\nHost: half.test\r\n")
            );
            let answer = OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
            backend.send(answer).await;
            assert_eq!(client.head().await, OK);
        }
        client.send("GET / HTTP/1.1\r\nHost: dead.test\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    });
}

#[test]
fn a_client_that_leaves_cancels_its_request() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send(GET).await;
        let mut backend = stage.backend().await;
        backend.head().await;
        drop(client);
        assert_eq!(backend.rest().await, b"");
        let metrics = crate::fixture::metrics(&stage.shared);
        assert!(metrics.contains(r#"code="4xx"} 1"#), "{metrics}");
    });
}

#[test]
fn http_1_0_ends_after_one_request_unless_asked_otherwise() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n").await;
        let mut backend = stage.backend().await;
        assert!(backend.head().await.starts_with("GET / HTTP/1.1\r\n"));
        backend.send(OK).await;
        let head = client.head().await;
        assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
        client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
        backend.head().await;
        // RFC 9110, 15.2: no interim answer for HTTP/1.0.
        backend.send(["HTTP/1.1 103 Early Hints\r\n\r\n", OK].concat()).await;
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
}

#[test]
fn a_close_that_the_client_asks_for_is_kept() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await;
        let mut backend = stage.backend().await;
        assert!(!backend.head().await.contains("Connection"));
        backend.send(OK).await;
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert_eq!(stage.worker.runtimes.nobody().tenant.len(), 0);
    });
}

#[test]
fn a_drain_ends_idle_connections_and_lets_a_request_finish() {
    on_stage(|stage| async move {
        let mut idle = stage.client().await;
        let mut busy = stage.client().await;
        idle.send(GET).await;
        let mut backend = stage.backend().await;
        backend.head().await;
        backend.send(OK).await;
        idle.head().await;
        busy.send(GET).await;
        backend.head().await;
        stage.worker.drain.begin();
        stage.worker.drain.end_idle();
        assert_eq!(idle.rest().await, b"");
        backend.send(OK).await;
        let answer = String::from_utf8(busy.rest().await).unwrap();
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
}

#[test]
fn deadlines_end_what_stands_still() {
    let short = |config: &mut crate::config::EdgeConfig| {
        let mut entry_point = (*config.entry_points[0]).clone();
        entry_point.timeouts.read = Duration::from_millis(40);
        entry_point.timeouts.idle = Duration::from_millis(40);
        config.entry_points[0] = entry_point.into();
        config.upstream.response_header_timeout = Duration::from_millis(40);
    };
    on_stage_with(short, |stage| async move {
        let silent = stage.client().await;
        assert_eq!(silent.rest().await, b"", "nothing came, nothing is answered");
        let mut half = stage.client().await;
        half.send("GET / HTTP/1.1\r\nHos").await;
        assert!(half.head().await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        let mut body = stage.client().await;
        body.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nab").await;
        assert!(body.head().await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        let mut slow = stage.client().await;
        slow.send(GET).await;
        let head = slow.head().await;
        assert!(head.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{head}");
        // The connection is idle now.
        slow.until("504 gateway timeout\n").await;
        assert_eq!(slow.rest().await, b"");
    });
}

#[test]
fn an_idle_connection_holds_no_buffer_and_little_else() {
    on_stage(|stage| async move {
        let (_client, _task) = stage.client_and_task().await;
        let size = stage.future_size();
        assert!(size < 3 * 1024, "{size} bytes for an idle connection");
    });
}

#[test]
fn a_tenant_keeps_so_many_idle_connections_to_all_its_backends_together() {
    let one = |config: &mut crate::config::EdgeConfig| config.upstream.max_idle_per_tenant = 1;
    on_stage_with(one, |stage| async move {
        let mut clients = [stage.client().await, stage.client().await];
        let mut backends = Vec::new();
        for client in &mut clients {
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
            let mut backend = stage.backend().await;
            backend.head().await;
            backends.push(backend);
        }
        for (client, backend) in clients.iter_mut().zip(&mut backends) {
            backend.send(OK).await;
            client.head().await;
        }
        let second = backends.pop().unwrap();
        assert!(second.rest().await.is_empty(), "it is closed: there is one already");
        clients[1].send("GET /again HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert!(backends[0].head().await.starts_with("GET /again"));
        // Taken out, it makes room.
        clients[0].send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut third = stage.backend().await;
        third.head().await;
        third.send(OK).await;
        clients[0].head().await;
        clients[0].send("GET /third HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        assert!(third.head().await.starts_with("GET /third"));
    });
}
