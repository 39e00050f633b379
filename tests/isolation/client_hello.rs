// SPDX-License-Identifier: Apache-2.0
//! T-TLS-09, T-TLS-17: however a ClientHello is cut, padded or dressed, it opens the rooms of the name in it or none; and
//! only to who speaks HTTP.

use postern_tests::hello::{ClientHello, HelloAnswer, ask, ask_twice};
use postern_tests::tls::shown;

use crate::pair::{A, B, Pair};

fn acmes(pair: &Pair) -> HelloAnswer {
    HelloAnswer::Certificate(pair.acme_certificate.fingerprint())
}

#[tokio::test]
async fn a_hello_in_any_pieces_is_the_same_hello() {
    let pair = Pair::start().await;
    let to = pair.edge.websecure();
    let hello = ClientHello::new().name(A);
    for piece in [1, 2, 7, 64] {
        assert_eq!(
            ask(to, &hello.records(1 << 14), piece).await,
            acmes(&pair),
            "segments of {piece}"
        );
        let cut = ask(to, &hello.records(piece), usize::MAX).await;
        assert!(
            cut == acmes(&pair) || matches!(cut, HelloAnswer::Alert(_)),
            "records of {piece}: {cut:?}"
        );
    }
    assert_eq!(ask(to, &hello.records(64), 1).await, acmes(&pair));
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_large_hello_with_the_name_at_its_end_is_read_to_its_end() {
    let pair = Pair::start().await;
    let to = pair.edge.websecure();
    for padding in [1_400, 4_000, 15_000] {
        let hello = ClientHello::new().padding(padding).grease().name(A);
        assert_eq!(hello.ask(to).await, acmes(&pair), "{padding}");
    }
    // More than one record's worth: read, or refused, never mistaken.
    let hello = ClientHello::new().padding(40_000).name(A);
    let answer = hello.ask(to).await;
    assert!(answer == acmes(&pair) || !matches!(answer, HelloAnswer::Certificate(_)), "{answer:?}");
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn two_names_are_refused_or_the_first_never_mixed() {
    let pair = Pair::start().await;
    let to = pair.edge.websecure();
    let both = ClientHello::new().name(A).name(B);
    for hello in [both.clone(), both.in_two_extensions()] {
        let answer = hello.ask(to).await;
        assert!(matches!(answer, HelloAnswer::Alert(_) | HelloAnswer::Closed), "{answer:?}");
    }
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn a_post_quantum_hello_is_served() {
    let pair = Pair::start().await;
    // The client of these tests offers X25519MLKEM768, whose share alone is 1,216 bytes.
    let offered = rustls::NamedGroup::X25519MLKEM768;
    let client = pair.edge.tls().tls13().sni(A);
    let groups = client.config().crypto_provider().kx_groups.clone();
    assert!(groups.iter().any(|group| group.name() == offered));
    let stream = client.connect().await.expect("the handshake succeeds");
    assert_eq!(shown(&stream), pair.acme_certificate.fingerprint());
    let agreed = stream.get_ref().1.negotiated_key_exchange_group().map(|group| group.name());
    assert_eq!(agreed, Some(offered));
}

#[tokio::test]
async fn who_speaks_another_protocol_is_refused() {
    let pair = Pair::start().await;
    for protocol in ["ftp", "acme-tls/1", "h3", "smtp"] {
        let alert = pair.edge.tls().sni(A).alpn(protocol).refused().await;
        assert_eq!(alert, rustls::AlertDescription::NoApplicationProtocol, "{protocol}");
    }
    for (offered, agreed) in [
        (vec![], None),
        (vec!["http/1.1"], Some("http/1.1")),
        (vec!["ftp", "h2", "http/1.1"], Some("h2")),
    ] {
        let client = offered.iter().fold(pair.edge.tls().sni(A), |client, p| client.alpn(p));
        let stream = client.connect().await.expect("the handshake succeeds");
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes), "{offered:?}");
    }
    pair.acme_is_intact().await;
}

#[tokio::test]
async fn what_is_no_hello_ends_the_connection_and_nothing_else() {
    let pair = Pair::start().await;
    let to = pair.edge.websecure();
    let hello = ClientHello::new().name(A).records(1 << 14);
    let mut wrong_length = hello.clone();
    wrong_length[8] = 0xff;
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: a.example.test\r\n\r\n".as_slice(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0x16, 3, 1, 0, 0],
        &[0x16, 3, 1, 0xff, 0xff, 1],
        &[0x17, 3, 3, 0, 1, 0],
        &[0x80, 0x2e, 1, 3, 1],
        &wrong_length,
        &[0; 4096],
        &[0xff; 4096],
    ] {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(to).await.expect("the edge listens");
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = postern_tests::patience::within("the end", stream.read_to_end(&mut rest)).await;
        assert!(rest.len() <= 16, "more than an alert: {rest:?}");
    }
    pair.acme_is_intact().await;
}

/// A second hello with another name would be admitted under the first one's certificate, or the reverse.
#[tokio::test]
async fn a_second_hello_cannot_change_the_name() {
    let pair = Pair::start().await;
    let to = pair.edge.websecure();
    let first = ClientHello::new().name(B).without_key_share();
    let hello = ClientHello::new().with_key_share();
    // The control: with the same name it goes on.
    let same = ask_twice(to, &first, &hello.clone().name(B)).await;
    assert_eq!(same, HelloAnswer::GoesOn);
    for second in [hello.clone().name(A), hello.clone()] {
        let answer = ask_twice(to, &first, &second).await;
        assert!(matches!(answer, HelloAnswer::Alert(_) | HelloAnswer::Closed), "{answer:?}");
    }
    pair.acme_is_intact().await;
}
