// SPDX-License-Identifier: Apache-2.0
//! Which fields a backend and a client get to see.

use super::stage::{OK, on_stage, on_stage_with};

async fn passed_on(stage: &super::stage::Stage, fields: &str) -> String {
    let mut client = stage.client().await;
    client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await;
    let mut backend = stage.backend().await;
    let head = backend.head().await;
    backend.send(OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    client.head().await;
    let fields = head.lines().skip(2).filter(|line| !line.starts_with("X-Forwarded-Server: "));
    fields.take_while(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

const OURS: &str = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: a.test\nX-Forwarded-Port: 80\n\
                    X-Forwarded-Proto: http\nCDN-Loop: postern\nX-Real-Ip: 127.0.0.1\n";

#[test]
fn hop_by_hop_fields_end_here() {
    on_stage(|stage| async move {
        let fields = "Connection: keep-alive, X-Once\r\nKeep-Alive: 5\r\nX-Once: 1\r\nx-once: 2\r\nX-Kept: 3\r\n\
                      Proxy-Connection: x\r\nProxy-Authorization: x\r\nPROXY: http://evil.test\r\nTrailer: x\r\nUpgrade: h2c\r\nTE: gzip\r\n";
        assert_eq!(passed_on(&stage, fields).await, format!("X-Kept: 3\n{OURS}"));
        let trailers = "TE: gzip, trailers;q=0.5\r\nConnection: TE\r\n";
        let expected = format!("Connection: TE\nTE: trailers\n{OURS}");
        assert_eq!(passed_on(&stage, trailers).await, expected);
    });
}

#[test]
fn no_connection_member_removes_a_managed_field() {
    on_stage(|stage| async move {
        for name in [
            "X-Forwarded-For",
            "x-forwarded-host",
            "X-FORWARDED-PORT",
            "X-Forwarded-Proto",
            "X-Real-Ip",
            "Host",
            "X-Forwarded-Server",
            "CDN-Loop",
            "Content-Length",
            "Transfer-Encoding",
        ] {
            for member in [name.to_owned(), name.to_uppercase(), format!("close, {name}")] {
                let head = passed_on(&stage, &format!("Connection: {member}\r\n")).await;
                assert_eq!(head, OURS, "{member}");
            }
        }
    });
}

#[test]
fn a_stranger_says_nothing_about_who_it_is_in_any_spelling() {
    on_stage(|stage| async move {
        let mut fields = String::new();
        for name in [
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Port",
            "X-Forwarded-Proto",
            "X-Forwarded-Server",
            "X-Forwarded-Prefix",
            "X-Forwarded-Tls-Client-Cert",
            "X-Forwarded-Client-Cert",
            "X-Real-Ip",
            "Forwarded",
            "X-SSL-Client-Verify",
        ] {
            let twin = name.replace('-', "_");
            for spelling in [
                name,
                &name.to_lowercase(),
                &twin,
                &twin.to_uppercase(),
                &name.replacen('-', "_", 1),
            ] {
                fields += &format!("{spelling}: evil\r\n");
            }
        }
        assert_eq!(passed_on(&stage, &fields).await.replace("Forwarded: evil\n", "!"), OURS);
    });
}

#[test]
fn a_trusted_peer_is_believed() {
    let trust = |config: &mut crate::config::EdgeConfig| {
        let mut entry_point = (*config.entry_points[0]).clone();
        entry_point.forwarded.trusted_ips = vec!["127.0.0.0/8".parse().unwrap()];
        config.entry_points[0] = entry_point.into();
    };
    on_stage_with(trust, |stage| async move {
        let fields = "X-Forwarded-For: 192.0.2.7\r\nx-forwarded-proto: https\r\nX-Real-IP: 192.0.2.7\r\n\
                      X-Forwarded-Prefix: /a\r\nX_Forwarded_For: evil\r\n";
        let expected = "X-Forwarded-Prefix: /a\nX-Forwarded-For: 192.0.2.7, 127.0.0.1\nX-Forwarded-Host: a.test\n\
                        X-Forwarded-Port: 443\nX-Forwarded-Proto: https\nCDN-Loop: postern\nX-Real-Ip: 192.0.2.7\n";
        assert_eq!(passed_on(&stage, fields).await, expected);
    });
}

#[test]
fn the_path_that_is_routed_is_the_path_that_is_asked_for() {
    on_stage(|stage| async move {
        for (asked, expected) in [
            ("/a/../b//c/%61?x=%2e%2E/../", "/b/c/a?x=%2e%2E/../"),
            ("//evil.test/x", "/evil.test/x"),
            ("http://a.test", "/"),
            ("http://a.test/x?y", "/x?y"),
        ] {
            let mut client = stage.client().await;
            client.send(format!("GET {asked} HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
            let mut backend = stage.backend().await;
            let head = backend.head().await;
            let begin = format!("GET {expected} HTTP/1.1\r\nHost: a.test\r\n");
            assert!(head.starts_with(&begin), "{head}");
        }
    });
}

#[test]
fn an_answers_hop_by_hop_fields_end_here_and_its_lines_are_clean() {
    on_stage(|stage| async move {
        let mut client = stage.client().await;
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut backend = stage.backend().await;
        backend.head().await;
        let answer = "HTTP/1.1 200 Fine\nA: 1\nConnection: X-Once, keep-alive\r\nX-Once: 1\r\nKeep-Alive: 5\r\n\
                      Upgrade: h2c\r\nB:2\r\nC:  3 \r\nProxy-Authenticate: x\r\nContent-Length:0\r\nD: 4\r\n\r\n";
        backend.send(answer).await;
        let expected =
            "HTTP/1.1 200 Fine\r\nA: 1\r\nB:2\r\nC:  3 \r\nContent-Length:0\r\nD: 4\r\n\r\n";
        assert_eq!(client.head().await, expected);
    });
}
