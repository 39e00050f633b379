// SPDX-License-Identifier: Apache-2.0
use super::*;

/// Takes a whole body: its data, its trailers and what is left; or why it is refused.
fn take(mut bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, usize), String> {
    let mut chunks = Chunks::default();
    let (mut data, mut trailers) = (Vec::new(), Buffer::default());
    let mut shown = piece.min(bytes.len());
    loop {
        match chunks.step(&bytes[..shown], 7).map_err(|e| format!("{e:?}"))? {
            Step::Starved if shown == bytes.len() => return Err("incomplete".to_owned()),
            Step::Starved => shown = (shown + piece).min(bytes.len()),
            Step::End => return Ok((data, trailers.filled().to_vec(), bytes.len())),
            Step::Framing(count) => (bytes, shown) = (&bytes[count..], shown - count),
            Step::Data(count) => {
                data.extend_from_slice(&bytes[..count]);
                (bytes, shown) = (&bytes[count..], shown - count);
            }
            Step::Trailers(count) => {
                copy_trailers(&bytes[..count], &mut trailers).map_err(|e| format!("{e:?}"))?;
                (bytes, shown) = (&bytes[count..], shown - count);
            }
        }
    }
}

#[test]
fn what_is_clear_is_taken_however_it_arrives() {
    for (body, data, trailers, left) in [
        ("0\r\n\r\n", "", "", 0),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", "", 0),
        ("5\r\nhello\r\n0\r\n\r\nGET /", "hello", "", 5),
        ("00005\r\nhello\r\n000\r\n\r\n", "hello", "", 0),
        ("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", "", 0),
        ("5;x\r\nhello\r\n0\r\n\r\n", "hello", "", 0),
        ("5;x=\"y;z\"\r\nhello\r\n0;x\r\n\r\n", "hello", "", 0),
        ("5; x = y\r\nhello\r\n0\r\n\r\n", "hello", "", 0),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "", 0),
        ("0\r\nX-Sum: 1\r\n\r\n", "", "X-Sum: 1\r\n", 0),
        ("0\r\nX-Sum:1 \r\nY: \r\n\r\n", "", "X-Sum: 1\r\nY: \r\n", 0),
    ] {
        let expected = (data.as_bytes().to_vec(), trailers.as_bytes().to_vec(), left);
        for piece in [1, 2, 3, 1000] {
            assert_eq!(take(body.as_bytes(), piece), Ok(expected.clone()), "{body:?} by {piece}");
        }
    }
}

#[test]
fn what_is_not_is_refused() {
    let long_extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(300));
    let long_trailer = format!("0\r\nX: {}\r\n\r\n", "y".repeat(9000));
    let many_trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(101));
    let many_extensions =
        format!("{}0\r\n\r\n", format!("1;{}\r\nx\r\n", "e".repeat(200)).repeat(100));
    for body in [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\t\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5\r\rhello\r\n",
        "5\n\nhello\r\n",
        ";x\r\nhello\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n",
        "5;x\ny\r\nhello\r\n",
        "5;x\ry\r\nhello\r\n",
        "5;\0\r\nhello\r\n",
        "5;x\n\r\nhello\r\n",
        "5\0\r\nhello\r\n",
        "5,\r\nhello\r\n",
        "5\"\r\nhello\r\n",
        "0\n\r\n",
        "0\r\n\n",
        "0\r\nX: y\n\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX: \0\r\n\r\n",
        "0\r\n: y\r\n\r\n",
        "10000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "0000000000000005\r\nhello\r\n",
        &long_extension,
        &long_trailer,
        &many_trailers,
        &many_extensions,
    ] {
        for piece in [1, 1000] {
            let refused = take(body.as_bytes(), piece);
            assert!(refused.as_ref().is_err_and(|e| e != "incomplete"), "{body:?}: {refused:?}");
        }
    }
}

#[test]
fn what_is_cut_off_is_not_complete() {
    let body = "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    for end in 0..body.len() {
        assert_eq!(take(&body.as_bytes()[..end], 1000), Err("incomplete".to_owned()), "{end}");
    }
}

#[test]
fn trailers_cannot_frame_route_or_identify() {
    let body = "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b.test\r\nX-Forwarded-For: 1\r\n\
                X_Real_Ip: 1\r\nConnection: close\r\nTrailer: x\r\nX-Sum: 1\r\n\r\n";
    assert_eq!(take(body.as_bytes(), 1000), Ok((vec![], b"X-Sum: 1\r\n".to_vec(), 0)));
}
