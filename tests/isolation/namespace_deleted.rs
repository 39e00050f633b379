// SPDX-License-Identifier: Apache-2.0
//! H-06: a namespace that is deleted for good gives its hosts up.  They are dark for everybody until the quarantine ends,
//! whoever waits for them has them then, and a platform that makes a namespace for each preview leaves nothing behind.

use std::sync::Arc;

use postern_model::{ClaimState, HostPattern, Timestamp};
use postern_tests::EdgeBuilder;
use postern_tests::edge::now;
use postern_tests::yaml::{documents, ingress};

use crate::pair::{A, Pair, site};

const DAY: i64 = 24 * 3600;

fn namespace(name: &str, uid: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, uid: {uid}}}\n")
}

/// Globex waits for acme's host, and which Namespaces there are is known.
async fn about_to_go() -> Pair {
    let builder = EdgeBuilder::new()
        .file("0-acme.yaml", &namespace("acme", "first"))
        .file("0-globex.yaml", &namespace("globex", "other"));
    let pair = Pair::started(builder).await;
    pair.edge.declared(|declared| declared.know_namespaces());
    pair.globex_adds(&pair.globex_wants(&[A], None));
    pair.acme_is_intact().await;
    pair
}

/// Nobody answers for acme's host.
async fn is_dark(pair: &Pair) {
    pair.edge.get(&format!("http://{A}/")).expect(404).await;
    let alert = pair.edge.tls().sni(A).refused().await;
    assert_eq!(alert, rustls::AlertDescription::UnrecognisedName);
    pair.globex_is_intact().await;
}

fn later(pair: &Pair, seconds: i64) {
    pair.edge.declared(|declared| declared.tell_time(Timestamp(now().0 + seconds)));
    pair.edge.publish();
}

fn claim(pair: &Pair) -> Option<(Arc<str>, u64, bool)> {
    let pattern = HostPattern::parse(A).expect("a host");
    pair.edge.declared(|declared| {
        let claim = declared.world().claims().get(&pattern)?;
        Some((claim.namespace.clone(), claim.epoch, claim.state == ClaimState::Held))
    })
}

#[tokio::test]
async fn its_hosts_are_dark_until_the_quarantine_ends_and_then_anybodys() {
    let pair = about_to_go().await;
    pair.edge.remove("1-acme.yaml");
    is_dark(&pair).await;
    assert_eq!(claim(&pair), Some(("acme".into(), 1, true)), "routes that go release nothing");
    pair.edge.remove("0-acme.yaml");
    is_dark(&pair).await;
    assert_eq!(claim(&pair), Some(("acme".into(), 1, false)));
    later(&pair, DAY - 60);
    is_dark(&pair).await;
    later(&pair, DAY + 60);
    pair.edge.get(&format!("http://{A}/")).send().await.from_backend("globex");
    assert_eq!(claim(&pair), Some(("globex".into(), 2, true)));
}

#[tokio::test]
async fn who_takes_its_name_takes_none_of_its_hosts() {
    let pair = about_to_go().await;
    pair.edge.remove("1-acme.yaml");
    pair.edge.remove("0-acme.yaml");
    is_dark(&pair).await;
    pair.edge.apply("0-acme.yaml", &namespace("acme", "second"));
    pair.edge.apply("1-acme.yaml", &site("acme", A, &pair.acme, &pair.acme_certificate));
    is_dark(&pair).await;
}

#[tokio::test]
async fn a_namespace_that_is_not_known_to_be_gone_keeps_its_hosts() {
    let builder = EdgeBuilder::new().file("0-acme.yaml", &namespace("acme", "first"));
    let pair = Pair::started(builder).await;
    pair.edge.remove("0-acme.yaml");
    pair.acme_is_intact().await;
    assert_eq!(claim(&pair), Some(("acme".into(), 1, true)));
}

#[tokio::test]
async fn a_namespace_for_each_preview_leaves_nothing_behind() {
    let pair = about_to_go().await;
    pair.edge.declared(|declared| {
        for round in 0..200_i64 {
            let name = format!("pr{round}");
            let host = format!("{name}.example.test");
            let objects = documents(&[
                &namespace(&name, &name),
                &ingress(&name, "site", &[&host], "echo", None),
            ]);
            declared.write("preview.yaml", &objects);
            declared.compile();
            declared.remove("preview.yaml");
            declared.tell_time(Timestamp(now().0 + round * 3600));
            declared.compile();
        }
        // A day and a half of them, acme's and globex's.
        let claims = declared.world().claims().len();
        assert!(claims <= 40, "{claims}");
    });
    pair.edge.publish();
    pair.acme_is_intact().await;
}
