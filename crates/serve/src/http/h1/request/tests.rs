// SPDX-License-Identifier: Apache-2.0
//! Byte-exact heads: what is accepted is what every reader reads alike.

use super::*;

/// What a head came to, as text that a table can hold.
fn read(bytes: &[u8]) -> String {
    let mut fields = Fields::new();
    match RequestHead::parse(bytes, &mut fields) {
        Ok(None) => "incomplete".to_owned(),
        Err(Malformed::Syntax) => "400".to_owned(),
        Err(Malformed::TooManyFields) => "431".to_owned(),
        Ok(Some(head)) => {
            let target = match head.target {
                Target::Path(path, query) => format!("{path}{query}"),
                Target::Server => "*".to_owned(),
            };
            let framing = match head.framing {
                Framing::None => "none".to_owned(),
                Framing::Length(length) => length.to_string(),
                Framing::Chunked => "chunked".to_owned(),
                Framing::UntilClose => "until close".to_owned(),
            };
            let left = bytes.len() - head.bytes.len();
            format!("{} {} {target} {framing} +{left}", head.method, head.authority)
        }
    }
}

fn check_all(cases: &[(&str, &str)]) {
    for (bytes, expected) in cases {
        assert_eq!(read(bytes.as_bytes()), *expected, "{bytes:?}");
    }
}

#[test]
fn what_is_clear_is_accepted() {
    check_all(&[
        ("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET a.test / none +0"),
        ("GET / HTTP/1.1\r\nHost:a.test\r\n\r\n", "GET a.test / none +0"),
        ("GET / HTTP/1.1\r\nHost: \t a.test \t\r\n\r\n", "GET a.test / none +0"),
        ("GET / HTTP/1.1\r\nHOST: A.test:80\r\n\r\nGET", "GET A.test:80 / none +3"),
        ("GET /a?b=c HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET a.test /a?b=c none +0"),
        ("GET /?a?b HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET a.test /?a?b none +0"),
        ("GET //h/p HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET a.test //h/p none +0"),
        ("X-Y! / HTTP/1.1\r\nHost: a.test\r\n\r\n", "X-Y! a.test / none +0"),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX:\r\nY: \r\n\r\n", "GET a.test / none +0"),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: \u{fc}\r\n\r\n", "GET a.test / none +0"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET  / none +0"),
        ("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "GET [2001:db8::1]:80 / none +0"),
        ("GET / HTTP/1.0\r\n\r\n", "GET  / none +0"),
        ("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", "GET a.test / none +0"),
        ("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "POST  / 3 +3"),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n", "POST a.test / 0 +0"),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 007\r\n\r\n", "POST a.test / 7 +0"),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST a.test / chunked +5",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\ntransfer-encoding:  CHUNKED \r\n\r\n",
            "POST a.test / chunked +0",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "OPTIONS a.test * none +0"),
        ("GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET a.test /x none +0"),
        ("GET HTTPS://A.test HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET A.test / none +0"),
        ("GET http://a.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET a.test /?q none +0"),
        ("GET http://a.test/ HTTP/1.0\r\n\r\n", "GET a.test / none +0"),
        ("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", "CONNECT a.test / none +0"),
    ]);
}

#[test]
fn a_head_that_is_not_complete_is_waited_for() {
    let whole = "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(read(&whole.as_bytes()[..end]), "incomplete", "{end}");
    }
    assert_eq!(read(whole.as_bytes()), "POST a.test /a 3 +0");
}

#[test]
fn framing_that_two_readers_could_read_differently_is_refused() {
    let framings = [
        // Both (RFC 9112, 6.1).
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        // Any other coding, order, list or spelling.
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunk\r\n",
        "Transfer-Encoding: chunked \x0b\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding\x0b: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        "Transfer-Encoding:\n chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chun\r\n ked\r\n",
        // Several, lists, signs, other bases, white space, overflow.
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: 3,\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: 3.0\r\n",
        "Content-Length: 3e0\r\n",
        "Content-Length: 1 2\r\n",
        "Content-Length: 3;\r\n",
        "Content-Length:\r\n",
        "Content-Length: \r\n",
        "Content-Length: three\r\n",
        "Content-Length: \u{ff13}\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 00000000000000000003\r\n",
        "Content-Length : 3\r\n",
        "Content-Length\t: 3\r\n",
        "Content-Length:\r\n 3\r\n",
        "Content-Length: 3\r\n 3\r\n",
    ];
    for framing in framings {
        let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n");
        assert_eq!(read(head.as_bytes()), "400", "{framing:?}");
    }
    let old = "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(read(old.as_bytes()), "400");
}

#[test]
fn only_crlf_ends_a_line_and_nothing_folds() {
    for head in [
        "GET / HTTP/1.1\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n\n",
        "GET / HTTP/1.1\nHost: a.test\n\n",
        "GET / HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nX:\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nX: \nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\rX: y\r\n\r\n",
        "GET / HTTP/1.1\rHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n\tb\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\n\tHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\r\n \r\nHost: a.test\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ] {
        assert_eq!(read(head.as_bytes()), "400", "{head:?}");
    }
}

#[test]
fn names_and_values_are_what_the_grammar_says() {
    for field in [
        "X : y",
        "X\t: y",
        " X: y",
        ": y",
        "X",
        "X y: z",
        "X\0: y",
        "X: \0",
        "X: a\0b",
        "X: a\x01b",
        "X: a\x7fb",
        "X(: y",
        "X\u{fc}: y",
        "X/: y",
        "X@: y",
        "X[: y",
        "\u{b}X: y",
        "X: a\x0cb",
        "X\"Y: z",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{field}\r\n\r\n");
        assert_eq!(read(head.as_bytes()), "400", "{field:?}");
    }
}

#[test]
fn the_host_is_there_once_and_is_one() {
    for hosts in [
        "",
        "X: y\r\n",
        "Host: a.test\r\nHost: a.test\r\n",
        "Host: a.test\r\nhost: b.test\r\n",
        "Host: a.test, b.test\r\n",
        "Host: a.test b.test\r\n",
        "Host: user@a.test\r\n",
        "Host: user:password@a.test\r\n",
        "Host: a.test/path\r\n",
        "Host: a.test?x\r\n",
        "Host: a.test#x\r\n",
        "Host: http://a.test\r\n",
        "Host: a.test:port\r\n",
        "Host: a.test:80:80\r\n",
        "Host: a.test:-80\r\n",
        "Host: [::1\r\n",
        "Host: [::1]x\r\n",
        "Host: [::g]\r\n",
        "Host: a\\b.test\r\n",
        "Host: \"a.test\"\r\n",
        "Host: a.t\u{eb}st\r\n",
        "Host : a.test\r\n",
        "Host: a.test\r\n b.test\r\n",
    ] {
        let head = format!("GET / HTTP/1.1\r\n{hosts}\r\n");
        assert_eq!(read(head.as_bytes()), "400", "{hosts:?}");
    }
}

#[test]
fn a_target_has_one_of_four_forms() {
    for line in [
        "GET http://b.test/ HTTP/1.1",
        "GET http://a.test:80/ HTTP/1.1",
        "GET http://user@a.test/ HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://?x HTTP/1.1",
        "GET ftp://a.test/ HTTP/1.1",
        "GET a.test/ HTTP/1.1",
        "GET a.test:80 HTTP/1.1",
        "GET * HTTP/1.1",
        "POST * HTTP/1.1",
        "OPTIONS *x HTTP/1.1",
        "GET ?x HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /a?b#c HTTP/1.1",
        "GET # HTTP/1.1",
        "GET /\u{fc} HTTP/1.1",
        "GET /?\u{fc} HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1\t",
        "GET /\0 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "G\0T / HTTP/1.1",
        "G(T / HTTP/1.1",
        " / HTTP/1.1",
        "GET HTTP/1.1",
        "GET /",
        "GET / HTTP/1",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / HTTP/0.9",
        "GET / HTTP/01.1",
        "GET / HTTP/1.01",
        "GET / HTTP/1,1",
        "GET / http/1.1",
        "GET / HTTP /1.1",
        "GET / XHTTP/1.1",
    ] {
        let head = format!("{line}\r\nHost: a.test\r\n\r\n");
        assert_eq!(read(head.as_bytes()), "400", "{line:?}");
    }
}

#[test]
fn connection_members_are_few_and_tokens() {
    for value in ["a b", "\"close\"", "close;x", "a@b"] {
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: {value}\r\n\r\n");
        assert_eq!(read(head.as_bytes()), "400", "{value:?}");
    }
    let many = vec!["x"; 100].join(",");
    let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: {many}\r\n\r\n");
    assert_eq!(read(head.as_bytes()), "400");
}

#[test]
fn too_many_fields_are_refused_as_that() {
    let head =
        |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert_eq!(read(head(99).as_bytes()), "GET a / none +0");
    assert_eq!(read(head(100).as_bytes()), "431");
}

#[test]
fn a_connection_goes_on_as_the_versions_say() {
    for (version, connection, expected) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: x\r\nConnection: CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n");
        let mut fields = Fields::new();
        let head = RequestHead::parse(head.as_bytes(), &mut fields).unwrap().unwrap();
        assert_eq!(head.keeps_alive(), expected, "{version} {connection}");
    }
}

#[test]
fn an_upgrade_is_one_only_where_connection_says_so() {
    for (version, lines, expected) in [
        ("1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", Some(&b"websocket"[..])),
        ("1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", Some(b"websocket")),
        ("1.1", "Upgrade: websocket\r\n", None),
        ("1.1", "Connection: upgrade\r\n", None),
        ("1.0", "Upgrade: websocket\r\nConnection: Upgrade\r\n", None),
        ("1.1", "Upgrade: spdy/3.1\r\nConnection: Upgrade\r\n", Some(b"spdy/3.1")),
        ("1.1", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n", None),
        ("1.1", "Upgrade: H2C\r\nConnection: Upgrade\r\n", None),
        ("1.1", "Upgrade: HTTP/2.0\r\nConnection: Upgrade\r\n", None),
        ("1.1", "Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n", None),
        ("1.1", "Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n", None),
        ("1.1", "Upgrade: h2c;x\r\nConnection: Upgrade\r\n", None),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
        let mut fields = Fields::new();
        let head = RequestHead::parse(head.as_bytes(), &mut fields).unwrap().unwrap();
        assert_eq!(head.upgrade, expected, "{lines:?}");
    }
}
