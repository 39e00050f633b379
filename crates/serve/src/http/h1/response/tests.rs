// SPDX-License-Identifier: Apache-2.0
use super::*;

fn read(bytes: &str, asked: Asked) -> Result<Option<(u16, Framing)>, Malformed> {
    let mut fields = Fields::new();
    let head = ResponseHead::parse(bytes.as_bytes(), asked, &mut fields)?;
    Ok(head.map(|head| (head.status, head.framing)))
}

#[test]
fn a_body_ends_as_rfc_9112_says() {
    use Framing::{Chunked, Length, None, UntilClose};
    for (line, fields, asked, expected) in [
        ("HTTP/1.1 200 OK", "Content-Length: 5\r\n", Asked::Other, Length(5)),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", Asked::Other, Chunked),
        ("HTTP/1.1 200 OK", "", Asked::Other, UntilClose),
        ("HTTP/1.0 200 OK", "", Asked::Other, UntilClose),
        ("HTTP/1.1 200", "Content-Length: 0\r\n", Asked::Other, Length(0)),
        ("HTTP/1.1 200 ", "Content-Length: 0\r\n", Asked::Other, Length(0)),
        ("HTTP/1.1 200 OK", "Content-Length: 5\r\n", Asked::Head, None),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", Asked::Head, None),
        ("HTTP/1.1 200 OK", "", Asked::Head, None),
        ("HTTP/1.1 204 No Content", "", Asked::Other, None),
        ("HTTP/1.1 204 No Content", "Content-Length: 5\r\n", Asked::Other, None),
        ("HTTP/1.1 304 Not Modified", "Content-Length: 5\r\n", Asked::Other, None),
        ("HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked\r\n", Asked::Other, None),
        ("HTTP/1.1 100 Continue", "", Asked::Other, None),
        ("HTTP/1.1 103 Early Hints", "Link: </a>\r\n", Asked::Head, None),
        ("HTTP/1.1 101 Switching Protocols", "", Asked::Other, None),
        ("HTTP/1.1 599 \u{fc}", "Content-Length: 1\r\n", Asked::Other, Length(1)),
    ] {
        let head = format!("{line}\r\n{fields}\r\n");
        let status = line[9..12].parse().unwrap();
        assert_eq!(read(&head, asked), Ok(Some((status, expected))), "{head:?}");
        let lenient = head.replace("\r\n", "\n");
        assert_eq!(read(&lenient, asked), Ok(Some((status, expected))), "{lenient:?}");
    }
}

#[test]
fn an_answer_whose_end_is_not_clear_is_none() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "hello",
    ] {
        assert!(read(head, Asked::Other).is_err(), "{head:?}");
    }
}

#[test]
fn half_a_head_is_waited_for() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for end in 0..head.len() {
        assert_eq!(read(&head[..end], Asked::Other), Ok(None), "{end}");
    }
}
