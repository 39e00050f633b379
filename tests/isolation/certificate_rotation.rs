// SPDX-License-Identifier: Apache-2.0
//! T-LC-05: a certificate that is replaced is replaced at once and without a failed handshake; half of one is never
//! served, and never changes another tenant's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postern_tests::TestCertificate;
use postern_tests::yaml::{documents, tenant};

use crate::pair::{A, B, Pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_fail_no_handshake() {
    let pair = Arc::new(Pair::start().await);
    let rotated: Vec<_> = (0..20).map(|_| TestCertificate::new(&[A])).collect();
    let mut allowed: Vec<_> = rotated.iter().map(TestCertificate::fingerprint).collect();
    allowed.push(pair.acme_certificate.fingerprint());
    let over = Arc::new(AtomicBool::new(false));
    let visits = tokio::spawn({
        let (pair, over) = (pair.clone(), over.clone());
        async move {
            let mut count = 0;
            while !over.load(Ordering::SeqCst) || count < 20 {
                let shown = pair.edge.tls().sni(A).fingerprint().await;
                assert!(allowed.contains(&shown));
                pair.globex_is_intact().await;
                count += 1;
            }
        }
    });
    for certificate in &rotated {
        pair.edge.apply(
            "1-acme.yaml",
            &documents(&[
                &certificate.secret("acme", "tls"),
                &tenant("acme", &[A], pair.acme.address()),
            ]),
        );
        // Live with the very next handshake.
        assert_eq!(pair.edge.tls().sni(A).fingerprint().await, certificate.fingerprint());
    }
    over.store(true, Ordering::SeqCst);
    visits.await.expect("no handshake failed");
}

#[tokio::test]
async fn a_half_written_secret_closes_its_own_host_alone() {
    let pair = Pair::start().await;
    let whole = documents(&[
        &pair.acme_certificate.secret("acme", "tls"),
        &tenant("acme", &[A], pair.acme.address()),
    ]);
    // Cut anywhere: no document, half a certificate, no key.
    for cut in (0..pair.acme_certificate.secret("acme", "tls").len()).step_by(97) {
        pair.edge.apply("1-acme.yaml", &whole[..cut]);
        if let Ok(stream) = pair.edge.tls().sni(A).connect().await {
            panic!("{cut}: shown {}", postern_tests::tls::shown(&stream));
        }
    }
    pair.globex_is_intact().await;
    pair.edge.apply("1-acme.yaml", &whole);
    pair.acme_is_intact().await;
    let shown = pair.edge.tls().sni(B).fingerprint().await;
    assert_eq!(shown, pair.globex_certificate.fingerprint());
}

#[tokio::test]
async fn connections_that_stand_outlive_a_rotation() {
    let pair = Pair::start().await;
    let stream = pair.edge.tls().sni(A).alpn("http/1.1").connect().await;
    let mut one = postern_tests::Raw::tls(stream.expect("the handshake succeeds"));
    let mut two = postern_tests::client::Http2::tls(pair.edge.tls().sni(A)).await;
    for _ in 0..5 {
        let certificate = TestCertificate::new(&[A]);
        pair.edge.apply(
            "1-acme.yaml",
            &documents(&[
                &certificate.secret("acme", "tls"),
                &tenant("acme", &[A], pair.acme.address()),
            ]),
        );
        one.get(A, "/").await.from_backend("acme");
        two.get(A, "/").await.from_backend("acme");
        // Nor does it open a way to the neighbour.
        two.get(B, "/").await.is(421);
    }
}
