// SPDX-License-Identifier: Apache-2.0
//! Which name gets which certificate, and what all others get.

use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, ClientConnection, HandshakeKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;

/// A real ClientHello for `name`.
fn hello(name: &str) -> Vec<u8> {
    hello_of(client::config(&[&TLS13, &TLS12]), name)
}

fn hello_of(config: ClientConfig, name: &str) -> Vec<u8> {
    let name = name.to_owned().try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// The same with another name of the same length: one that rustls' client would not send.
fn hello_saying(name: &[u8]) -> Vec<u8> {
    let stands_for = format!("{}.example", "n".repeat(name.len() - 8));
    let mut bytes = hello(&stands_for);
    let at = bytes.windows(name.len()).position(|w| w == stands_for.as_bytes()).unwrap();
    bytes[at..at + name.len()].copy_from_slice(name);
    bytes
}

/// The same ClientHello in records of one byte.
fn one_byte_a_record(hello: &[u8]) -> Vec<u8> {
    let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
    assert_eq!(length + 5, hello.len(), "rustls sends its ClientHello in one record");
    hello[5..].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect()
}

#[test]
fn every_name_is_answered_with_its_own_certificate() {
    let (sites, acme, globex) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        for versions in [&TLS13, &TLS12] {
            let config = Arc::new(client::config(&[versions]));
            for (name, tenant, certificate) in
                [("www.acme.example", "acme", &acme), ("www.globex.example", "globex", &globex)]
            {
                let (stream, served) = connect(&worker).await;
                let client = client::shake(&config, name, stream).await.unwrap();
                let shown = &client.get_ref().1.peer_certificates().unwrap()[0];
                assert_eq!(*shown, certificate.certified().unwrap().cert[0]);
                let secured = served.await.unwrap().unwrap();
                assert_eq!(&**secured.admission.scope().label(), tenant);
            }
        }
    });
    let name = "postern_handshakes_total";
    let line = format!("{name}{{entrypoint=\"websecure\",tenant=\"acme\",result=\"full\"}} 2");
    assert!(counted(&shared, &line), "{}", fixture::metrics(&shared));
}

#[test]
fn no_name_and_names_that_are_not_served_get_the_alert_and_nothing_else() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        let mut config = client::config(&[&TLS13, &TLS12]);
        config.enable_sni = false;
        assert_eq!(answer_to(&worker, &hello_of(config, "www.acme.example")).await, REFUSED);
        for name in ["nobody.example", "acme.example", "x.www.acme.example", "localhost"] {
            assert_eq!(answer_to(&worker, &hello(name)).await, REFUSED, "{name}");
        }
        for name in ["bare.acme.example", "broken.acme.example"] {
            assert_eq!(answer_to(&worker, &hello(name)).await, REFUSED, "{name}");
        }
    });
    for line in [
        "postern_refusals_total{tenant=\"\",reason=\"no_name\"} 1",
        "postern_refusals_total{tenant=\"\",reason=\"unknown_name\"} 4",
        "postern_refusals_total{tenant=\"acme\",reason=\"no_certificate\"} 1",
        "postern_refusals_total{tenant=\"acme\",reason=\"certificate_unusable\"} 1",
        "postern_handshakes_total{entrypoint=\"websecure\",tenant=\"acme\",result=\"refused\"} 2",
    ] {
        assert!(counted(&shared, line), "{line}\n{}", fixture::metrics(&shared));
    }
}

#[test]
fn junk_for_a_name_gets_an_alert() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        for junk in [
            &b"www.acme\0example"[..],
            b"www_acme.example",
            b"www..acme.example",
            b".www.acme.example",
            b"-ww.acme.example",
            b"www.acme.exampl\xc3",
            b"www.acme.example..",
            b"192.168.100.200",
            b"www.acme.example:443",
            b"*.acme.example",
            b"www acme.example",
        ] {
            let answer = answer_to(&worker, &hello_saying(junk)).await;
            let name = String::from_utf8_lossy(junk);
            assert!(matches!(answer[..], [21, 3, _, 0, 2, 2, _]), "{name}: {answer:?}");
        }
    });
    assert!(!fixture::metrics(&shared).contains("tenant=\"acme\""));
}

#[test]
fn one_name_has_many_spellings() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        for name in ["WWW.ACME.EXAMPLE", "www.acme.example.", "wWw.AcMe.example."] {
            let answer = answer_to(&worker, &hello_saying(name.as_bytes())).await;
            assert_eq!(answer.first(), Some(&22), "{name}: {answer:?}");
        }
    });
}

#[test]
fn a_hello_in_one_byte_records_is_read_as_if_it_were_whole() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        let served = answer_to(&worker, &one_byte_a_record(&hello("www.acme.example"))).await;
        assert_eq!(served.first(), Some(&22));
        let refused = answer_to(&worker, &one_byte_a_record(&hello("nobody.example"))).await;
        assert_eq!(refused, REFUSED);
    });
}

#[test]
fn a_hello_in_one_byte_segments_and_small_records_ends_in_a_connection() {
    let (sites, acme, _) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        let mut config = client::config(&[&TLS13, &TLS12]);
        config.max_fragment_size = Some(32);
        let (stream, served) = connect(&worker).await;
        let (config, stream) = (Arc::new(config), Dribble(stream));
        let client = client::shake(&config, "www.acme.example", stream).await.unwrap();
        let shown = &client.get_ref().1.peer_certificates().unwrap()[0];
        assert_eq!(*shown, acme.certified().unwrap().cert[0]);
        assert!(served.await.unwrap().is_some());
    });
}

#[test]
fn a_hello_retry_request_ends_in_a_connection() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        let mut provider = default_provider();
        provider.kx_groups = vec![kx_group::SECP256R1MLKEM768, kx_group::SECP384R1];
        let config = client::config_with(provider, &[&TLS13]);
        let (stream, served) = connect(&worker).await;
        let client = client::shake(&Arc::new(config), "www.acme.example", stream).await.unwrap();
        let kind = client.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::FullWithHelloRetryRequest));
        assert!(served.await.unwrap().is_some());
    });
}

#[test]
fn http2_and_http1_are_offered_and_nothing_else_is_spoken() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        for (offered, spoken) in [
            (vec!["h2", "http/1.1"], Some(Protocol::Http2)),
            (vec!["http/1.1", "h2"], Some(Protocol::Http2)),
            (vec!["http/1.1"], Some(Protocol::Http1)),
            (vec![], Some(Protocol::Http1)),
            (vec!["acme-tls/1"], None),
        ] {
            let mut config = client::config(&[&TLS13, &TLS12]);
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
            let (stream, served) = connect(&worker).await;
            let client = client::shake(&Arc::new(config), "www.acme.example", stream).await;
            if spoken.is_none() {
                let alert = client.unwrap_err().to_string();
                assert!(alert.contains("NoApplicationProtocol"), "{alert}");
            }
            let secured = served.await.unwrap();
            assert_eq!(secured.map(|secured| secured.spoken()), spoken, "{offered:?}");
        }
    });
}

#[test]
fn the_cheapest_suite_is_spoken_unless_the_client_has_no_aes() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        for (first, spoken) in [
            (TLS13_AES_256_GCM_SHA384, CipherSuite::TLS13_AES_128_GCM_SHA256),
            (TLS13_CHACHA20_POLY1305_SHA256, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        ] {
            let mut provider = default_provider();
            provider.cipher_suites.sort_by_key(|suite| *suite != first);
            let config = Arc::new(client::config_with(provider, &[&TLS13]));
            let (stream, served) = connect(&worker).await;
            let client = client::shake(&config, "www.acme.example", stream).await.unwrap();
            let suite = client.get_ref().1.negotiated_cipher_suite().unwrap();
            assert_eq!(suite.suite(), spoken);
            assert!(served.await.unwrap().is_some());
        }
    });
}

#[test]
fn a_profile_may_demand_tls_1_3() {
    let certificate = certificate(&["www.acme.example"]);
    let site = Site::new("acme", "www.acme.example").certificate(&certificate).tls13_only();
    let shared = shared(&[site]);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        for (version, served_expected) in [(&TLS13, true), (&TLS12, false)] {
            let config = Arc::new(client::config(&[version]));
            let (stream, served) = connect(&worker).await;
            let client = client::shake(&config, "www.acme.example", stream).await;
            assert_eq!(client.is_ok(), served_expected);
            assert_eq!(served.await.unwrap().is_some(), served_expected);
        }
    });
}

#[test]
fn who_does_not_finish_is_gone_at_the_deadline() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    let whole = hello("www.acme.example");
    on_a_worker_without_waiting(async {
        let worker = fixture::worker(&shared);
        // Nothing, half a hello, a hello and then silence.
        for sent in [&[][..], &whole[..whole.len() / 2], &whole] {
            let (mut client, served) = connect(&worker).await;
            client.write_all(sent).await.unwrap();
            let begun = Instant::now();
            assert!(served.await.unwrap().is_none());
            let read = worker.config.entry_points[1].timeouts.read;
            assert!(begun.elapsed() <= read, "{:?}", begun.elapsed());
        }
    });
    for line in [
        "postern_handshakes_total{entrypoint=\"websecure\",tenant=\"\",result=\"timeout\"} 2",
        "postern_handshakes_total{entrypoint=\"websecure\",tenant=\"acme\",result=\"timeout\"} 1",
    ] {
        assert!(counted(&shared, line), "{line}\n{}", fixture::metrics(&shared));
    }
}

#[test]
fn bytes_that_are_no_tls_are_an_error_and_no_connection() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        let worker = fixture::worker(&shared);
        let answer = answer_to(&worker, b"GET / HTTP/1.1\r\nHost: www.acme.example\r\n\r\n").await;
        assert!(matches!(answer[..], [] | [21, ..]), "{answer:?}");
    });
}

#[test]
fn the_certificate_is_for_who_owns_the_name_when_the_turn_comes() {
    let (sites, ..) = two_tenants();
    let shared = shared(&sites);
    on_a_worker(async {
        // No standing tasks: the gate opens when the test says so.
        let worker = Worker::new(shared.clone(), None);
        worker.gate.first_step(&fixture::tenant("globex"), 1).await.unwrap();
        let (mut client, served) = connect(&worker).await;
        client.write_all(&hello("www.acme.example")).await.unwrap();
        while worker.gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let stolen = Site::new("globex", "www.acme.example").epoch(2);
        let stolen = stolen.certificate(&certificate(&["www.acme.example"]));
        shared.published.replace(snapshot(2, &[stolen]));
        worker.start();
        let mut answer = [0; 7];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, REFUSED);
        assert!(served.await.unwrap().is_none());
    });
}

#[test]
fn reading_a_hello_never_panics_whatever_is_cut_off_or_changed() {
    let whole = hello("www.acme.example");
    assert_eq!(read_hello(&whole).unwrap().unwrap().as_str(), "www.acme.example");
    for end in 0..whole.len() {
        assert!(read_hello(&whole[..end]).is_none());
    }
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= change;
            read_hello(&changed);
        }
    }
    assert!(read_hello(&one_byte_a_record(&whole)).unwrap().is_ok());
}

/// Writes one byte a segment.
struct Dribble(TcpStream);

impl AsyncRead for Dribble {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Dribble {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let one = bytes.len().min(1);
        Pin::new(&mut self.0).poll_write(cx, &bytes[..one])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
