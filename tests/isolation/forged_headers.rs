// SPDX-License-Identifier: Apache-2.0
//! T-H1-07, T-HDR-01, I13: no spelling of a managed header comes from a client, no Connection option takes one away, and
//! hop-by-hop fields end here.

use postern_tests::Raw;
use postern_tests::client::Http2;

use crate::pair::{A, Pair};

const MANAGED: [&str; 6] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Real-Ip",
];

fn spellings(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let underscore = name.replace('-', "_");
    let first = name.replacen('-', "_", 1);
    vec![
        name.to_owned(),
        lower,
        name.to_ascii_uppercase(),
        underscore.clone(),
        underscore.to_ascii_lowercase(),
        first,
    ]
}

fn is_clean(answer: &postern_tests::Answer, forged: &str) {
    let echo = answer.echo().expect("an echo");
    let fields = echo["headers"].to_string();
    assert!(!fields.contains(forged), "{fields}");
    assert!(!fields.contains('_'), "{fields}");
    for name in MANAGED {
        let values = answer.echoed(&name.to_ascii_lowercase());
        assert_eq!(values.len(), 1, "{name}: {fields}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_managed_header_comes_from_a_stranger() {
    let pair = Pair::start().await;
    for name in MANAGED.iter().flat_map(|name| spellings(name)) {
        let answer =
            pair.edge.get(&format!("http://{A}/")).header(&name, "6.6.6.6-forged").send().await;
        is_clean(&answer.from_backend("acme"), "forged");
    }
    for name in MANAGED.iter().map(|name| name.to_ascii_lowercase()) {
        let mut client = Http2::tls(pair.edge.tls().sni(A)).await;
        for spelling in [name.clone(), name.replace('-', "_")] {
            let request =
                http::Request::builder().uri(format!("https://{A}/")).header(spelling, "forged");
            let request = request.body(http_body_util::Full::default()).expect("a request");
            is_clean(&client.ask(request).await.from_backend("acme"), "forged");
        }
    }
}

#[tokio::test]
async fn no_connection_option_takes_a_managed_header_away() {
    let pair = Pair::start().await;
    for name in MANAGED.iter().flat_map(|name| spellings(name)) {
        for option in [
            name.clone(),
            format!("close, {name}"),
            format!("{name},X-Other"),
            format!("\t{name} "),
        ] {
            let mut raw = Raw::clear(pair.edge.web()).await;
            let head = format!(
                "GET / HTTP/1.1\r\nHost: {A}\r\nConnection: {option}\r\nX-Other: here\r\n\r\n"
            );
            is_clean(&raw.ask(head).await.from_backend("acme"), "forged");
        }
    }
}

#[tokio::test]
async fn hop_by_hop_fields_and_those_that_connection_names_end_here() {
    let pair = Pair::start().await;
    let mut raw = Raw::clear(pair.edge.web()).await;
    let answer = raw
        .ask(format!(
            "GET / HTTP/1.1\r\nHost: {A}\r\nConnection: keep-alive, X-Hop\r\nX-Hop: hop\r\nKeep-Alive: timeout=5\r\n\
             Proxy-Connection: keep-alive\r\nTE: trailers, gzip\r\nProxy-Authenticate: x\r\nX-End: end\r\n\r\n"
        ))
        .await
        .from_backend("acme");
    for name in ["x-hop", "keep-alive", "proxy-connection", "proxy-authenticate"] {
        assert_eq!(answer.echoed(name), Vec::<String>::new(), "{name}");
    }
    assert_eq!(answer.echoed("x-end"), ["end"]);
    let te = answer.echoed("te").join(",");
    assert!(te.is_empty() || te == "trailers", "{te}");
}

#[tokio::test]
async fn connection_cannot_take_away_what_frames_or_names_the_request() {
    let pair = Pair::start().await;
    for option in ["Host", "Content-Length", "Transfer-Encoding"] {
        let mut raw = Raw::clear(pair.edge.web()).await;
        raw.send(format!(
            "POST / HTTP/1.1\r\nHost: {A}\r\nConnection: {option}\r\nContent-Length: 5\r\n\r\nhello"
        ))
        .await;
        let answer = raw.answer().await;
        if answer.status == 200 {
            let echo = answer.echo().expect("an echo");
            assert_eq!(echo["body"], "hello", "{option}");
            assert_eq!(answer.echoed("host"), [A], "{option}");
        } else {
            answer.is(400);
        }
    }
}
