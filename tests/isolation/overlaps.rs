// SPDX-License-Identifier: Apache-2.0
//! T-TLS-02, H-05 in small: for every pair of overlapping names of two tenants, in both orders, each probe is answered by
//! the tenant that owns it, with that tenant's certificate, or by nobody.

use postern_model::HostPattern;
use postern_tests::hello::{ClientHello, HelloAnswer};
use postern_tests::yaml::{documents, tenant};
use postern_tests::{Backend, EdgeBuilder, TestCertificate};

const NAMES: [&str; 6] =
    ["x.test", "a.x.test", "b.a.x.test", "*.x.test", "*.a.x.test", "*.b.a.x.test"];

const PROBES: [&str; 6] =
    ["x.test", "a.x.test", "c.x.test", "b.a.x.test", "c.a.x.test", "c.b.a.x.test"];

/// The specification, in five lines: who owns `probe` when `first` was claimed before `second`?  0, 1, or nobody.
fn owner(first: &HostPattern, second: &HostPattern, probe: &HostPattern) -> Option<usize> {
    let HostPattern::Exact(host) = probe else { return None };
    let second_is_lost = first.reserves(second);
    let by_first = first.matches(host);
    let by_second = !second_is_lost && second.matches(host);
    match (by_first, by_second) {
        // Across tenants: what came first stays; a later wildcard has the rest, a later exact name under it is lost.
        (true, _) => Some(0),
        (false, true) => Some(1),
        (false, false) => None,
    }
}

#[tokio::test]
async fn every_pair_in_both_orders_is_served_by_its_owner() {
    let backends = [Backend::start("first").await, Backend::start("second").await];
    let edge = EdgeBuilder::new().start().await;
    let pattern = |text: &str| HostPattern::parse(text).expect("a host");
    let mut round = 0;
    for first in NAMES {
        for second in NAMES {
            // Claims outlive routes, so every round has a zone of its own.
            round += 1;
            let zone = |name: &str| name.replace("x.test", &format!("r{round}.x-zone.test"));
            let mut shown = Vec::new();
            for (number, name) in [first, second].into_iter().enumerate() {
                let namespace = ["first", "second"][number];
                let certificate =
                    TestCertificate::new(&NAMES.map(zone).each_ref().map(String::as_str));
                shown.push(certificate.fingerprint());
                edge.apply(
                    &format!("{namespace}.yaml"),
                    &documents(&[
                        &certificate.secret(namespace, "tls"),
                        &tenant(namespace, &[&zone(name)], backends[number].address()),
                    ]),
                );
            }
            for probe in PROBES {
                let expected = owner(&pattern(first), &pattern(second), &pattern(probe));
                let host = zone(probe);
                let answer = ClientHello::new().name(&host).ask(edge.websecure()).await;
                let certificate = match expected {
                    Some(owner) => HelloAnswer::Certificate(shown[owner].clone()),
                    None => HelloAnswer::Alert(112),
                };
                assert_eq!(answer, certificate, "{first} then {second}: {probe}");
                let answer = edge.get(&format!("http://{host}/")).send().await;
                let backend = expected.map(|owner| backends[owner].name().to_owned());
                assert_eq!(answer.backend(), backend, "{first} then {second}: {probe}");
            }
        }
    }
}
