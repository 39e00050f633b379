// SPDX-License-Identifier: Apache-2.0
//! Which certificate a host serves.

use std::sync::Arc;

use postern_model::{
    Host, KeyExchange, KeyExchangeGroup, KeyExchangeGroups, Kind, Secret, TenantSpec, Timestamp,
    World,
};
use postern_snapshot::{Snapshot, TlsDecision, TlsProfile, TlsRefusal};

use crate::Compiler;
use crate::scenario::{
    NOW, VALID, Validity, compiled, declare, ingress, key, reasons, secret, secret_of, serve,
    tenant, with_tls, world,
};

const EXPIRED: Validity = Validity(-90, -1);
const NEWER: Validity = Validity(-5, 80);

fn decision(snapshot: &Snapshot, name: &str) -> TlsDecision {
    snapshot.admit(&Host::parse(name).unwrap()).unwrap().tls().clone()
}

fn profile(snapshot: &Snapshot, name: &str) -> Arc<TlsProfile> {
    match decision(snapshot, name) {
        TlsDecision::Serve(profile) => profile,
        TlsDecision::Refuse(reason) => panic!("{name}: {reason:?}"),
    }
}

fn refusal(snapshot: &Snapshot, name: &str) -> TlsRefusal {
    match decision(snapshot, name) {
        TlsDecision::Serve(profile) => panic!("{name}: {profile:?}"),
        TlsDecision::Refuse(reason) => reason,
    }
}

/// Whether the certificate of that Secret is served for the name.
fn serves(world: &World, snapshot: &Snapshot, name: &str, wanted: &Secret) -> bool {
    let data = |key| wanted.data.get(key).unwrap();
    let (chain, key) = (data("tls.crt"), data("tls.key"));
    let parsed = postern_snapshot::Certificate::parse(chain.clone(), key.clone()).unwrap();
    let _ = world;
    profile(snapshot, name).certificate().fingerprint() == parsed.fingerprint()
}

#[test]
fn another_tenants_certificate_is_never_served() {
    let mut world = world();
    declare!(
        world,
        ingress("a/in", 1, &["a.test/ web"]),
        secret("b/cert", &["a.test", "b.test"], VALID),
        with_tls(ingress("b/in", 2, &["b.test/ web"]), "cert", &["a.test", "b.test"]),
    );
    let (snapshot, _) = compiled(&mut world);
    assert_eq!(refusal(&snapshot, "a.test"), TlsRefusal::NoCertificate);
    assert_eq!(profile(&snapshot, "b.test").scope().label().as_ref(), "b");
}

#[test]
fn a_tenant_without_a_usable_group_has_no_handshake_and_another_tenant_has() {
    let mut world = world();
    let closed =
        TenantSpec { key_exchange: KeyExchange::Impossible, ..tenant("acme", &["a"], &[]) };
    declare!(
        world,
        closed,
        secret("a/cert", &["a.test"], VALID),
        with_tls(ingress("a/in", 1, &["a.test/ web"]), "cert", &["a.test"]),
        secret("b/cert", &["b.test"], VALID),
        with_tls(ingress("b/in", 2, &["b.test/ web"]), "cert", &["b.test"]),
    );
    let (snapshot, _) = compiled(&mut world);
    assert_eq!(refusal(&snapshot, "a.test"), TlsRefusal::NoKeyExchange);
    assert_eq!(profile(&snapshot, "b.test").demands().key_exchange, None);
    let groups = KeyExchangeGroups::of([KeyExchangeGroup::P384]).unwrap();
    declare!(
        world,
        TenantSpec { key_exchange: KeyExchange::Only(groups), ..tenant("acme", &["a"], &[]) }
    );
    let (snapshot, _) = compiled(&mut world);
    assert_eq!(profile(&snapshot, "a.test").demands().key_exchange, Some(groups));
}

#[test]
fn a_certificate_owns_nothing() {
    let mut world = world();
    declare!(
        world,
        secret("a/cert", &["a.test", "c.test"], VALID),
        with_tls(ingress("a/in", 1, &["a.test/ web"]), "cert", &["c.test"]),
    );
    let (snapshot, report) = compiled(&mut world);
    assert!(snapshot.admit(&Host::parse("c.test").unwrap()).is_none());
    assert_eq!(report.claims.len(), 1);
}

#[test]
fn the_own_certificate_of_a_host_is_served_or_none() {
    let good = secret("a/wild", &["*.x.test"], VALID);
    for (broken, reason) in [
        (None, "SecretNotFound"),
        (Some(secret_of("a/own", "no", "pem")), "SecretInvalid"),
        (Some(secret("a/own", &["other.test"], VALID)), "CertificateMismatch"),
    ] {
        let mut world = world();
        serve(&mut world, "a/web");
        declare!(
            world,
            good.clone(),
            with_tls(ingress("a/wild", 1, &["*.x.test/ web"]), "wild", &[]),
            with_tls(ingress("a/own", 2, &["own.x.test/ web"]), "own", &["own.x.test"]),
            ingress("a/plain", 3, &["plain.x.test/ web"]),
        );
        if let Some(secret) = broken {
            declare!(world, secret);
        }
        let (snapshot, report) = compiled(&mut world);
        assert_eq!(refusal(&snapshot, "own.x.test"), TlsRefusal::CertificateUnusable, "{reason}");
        assert_eq!(reasons(&report, Kind::Ingress, "a/own"), [reason]);
        assert_eq!(reasons(&report, Kind::Ingress, "a/wild"), [""; 0]);
        // A host that brings none of its own is served with what its tenant has.
        assert!(serves(&world, &snapshot, "plain.x.test", &good));
        assert!(serves(&world, &snapshot, "any.x.test", &good));
    }
}

#[test]
fn what_names_the_host_stands_alone() {
    let wild = secret("a/wild", &["*.x.test"], VALID);
    let own = secret("a/own", &["own.x.test"], EXPIRED);
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(
        world,
        wild.clone(),
        with_tls(ingress("a/wild", 1, &["*.x.test/ web"]), "wild", &["*.x.test"]),
        with_tls(ingress("a/implied", 2, &["own.x.test/p web"]), "wild", &[]),
        with_tls(ingress("a/own", 3, &["own.x.test/ web"]), "own", &["own.x.test"]),
    );
    let (snapshot, _) = compiled(&mut world);
    assert_eq!(refusal(&snapshot, "own.x.test"), TlsRefusal::CertificateUnusable);
    assert!(serves(&world, &snapshot, "any.x.test", &wild));
    declare!(world, own.clone());
    let (snapshot, _) = compiled(&mut world);
    assert!(serves(&world, &snapshot, "own.x.test", &own));
    declare!(world, ingress("a/own", 3, &["own.x.test/ web"]));
    let (snapshot, _) = compiled(&mut world);
    assert!(serves(&world, &snapshot, "own.x.test", &wild));
}

#[test]
fn the_findings_stand_at_the_field_that_is_wrong() {
    let mut world = world();
    serve(&mut world, "a/web");
    let routes = with_tls(ingress("a/in", 1, &["a.test/ web"]), "one", &["a.test"]);
    declare!(
        world,
        secret("a/one", &["a.test"], VALID),
        secret("a/three", &["c.test"], VALID),
        with_tls(with_tls(routes, "two", &["a.test"]), "three", &["a.test", "c.test"]),
    );
    let (_, report) = compiled(&mut world);
    let findings: Vec<_> = report.findings[&key(Kind::Ingress, "a/in")]
        .iter()
        .map(|finding| (&*finding.field, finding.message.as_str()))
        .collect();
    assert_eq!(
        findings,
        [
            ("spec.tls[1].secretName", "there is no Secret two"),
            ("spec.tls[2]", "the certificate in Secret three is not for a.test"),
        ]
    );
}

#[test]
fn exact_comes_before_wildcard_then_valid_then_newest_then_the_name() {
    let wild = secret("a/wild", &["*.x.test"], NEWER);
    let old = secret("a/old", &["h.x.test"], EXPIRED);
    let valid = secret("a/valid", &["h.x.test"], VALID);
    let newer = secret("a/newer", &["h.x.test"], NEWER);
    let mut same = newer.clone();
    same.origin.key.name = "aaa".into();
    let ladder = [wild, old, valid, newer];
    let mut world = world();
    serve(&mut world, "a/web");
    let mut routes = ingress("a/in", 1, &["h.x.test/ web"]);
    for secret in &ladder {
        let name = secret.origin.key.name.clone();
        declare!(world, secret.clone());
        routes = with_tls(routes, &name, &["h.x.test"]);
        declare!(world, routes.clone());
        let (snapshot, _) = compiled(&mut world);
        assert!(serves(&world, &snapshot, "h.x.test", secret), "{name}");
    }
    declare!(world, same, with_tls(routes, "aaa", &["h.x.test"]));
    compiled(&mut world);
    let question = crate::explain::Question::parse("https://h.x.test/", None).unwrap();
    let handshake = crate::explain(&world, &question).handshake.unwrap();
    assert_eq!(handshake.result, Ok(key(Kind::Secret, "a/aaa")));
    let reasons: Vec<_> = handshake.losers.iter().map(|l| l.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "the name of its Secret comes later",
            "it is not valid at this time",
            "the certificate that is served is newer",
            "it names the host only by a wildcard",
        ]
    );
}

#[test]
fn an_expired_certificate_is_served_and_reported_when_it_expires() {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(
        world,
        secret("a/cert", &["a.test"], Validity(-10, 1)),
        with_tls(ingress("a/in", 1, &["a.test/ web"]), "cert", &["a.test"]),
    );
    let mut compiler = Compiler::new();
    compiler.compile(&world);
    assert!(compiler.report().findings.is_empty());
    world.take_changes();
    let deadline = compiler.deadline().unwrap();
    assert_eq!(deadline, Timestamp(NOW + 86_400 + 1));
    world.tell_time(deadline);
    let changes = world.take_changes();
    let snapshot = compiler.recompile(&world, changes);
    profile(&snapshot, "a.test");
    assert_eq!(reasons(compiler.report(), Kind::Ingress, "a/in"), ["CertificateExpired"]);
}

#[test]
fn a_wildcard_host_needs_the_wildcard_certificate() {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(
        world,
        secret("a/one", &["h.x.test"], VALID),
        with_tls(ingress("a/in", 1, &["*.x.test/ web", "h.x.test/ web"]), "one", &[]),
    );
    let (snapshot, report) = compiled(&mut world);
    profile(&snapshot, "h.x.test");
    assert_eq!(refusal(&snapshot, "other.x.test"), TlsRefusal::CertificateUnusable);
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), ["CertificateMismatch"]);
}

#[test]
fn an_unchanged_profile_survives_and_a_new_certificate_makes_a_new_one() {
    let mut world = world();
    declare!(
        world,
        secret("a/cert", &["a.test"], VALID),
        with_tls(ingress("a/in", 1, &["a.test/ web"]), "cert", &["a.test"]),
    );
    let mut compiler = Compiler::new();
    let first = profile(&compiler.compile(&world), "a.test");
    world.record(compiler.report().claims.iter().cloned());
    world.take_changes();
    // The same bytes in a Secret that was written again.
    let mut again = secret("a/cert", &["a.test"], VALID);
    again.kind = "Opaque".into();
    declare!(world, again, ingress("b/in", 1, &["b.test/ web"]));
    let changes = world.take_changes();
    let second = profile(&compiler.recompile(&world, changes), "a.test");
    assert!(Arc::ptr_eq(&first, &second));
    let third = profile(&compiler.compile(&world), "a.test");
    assert!(Arc::ptr_eq(&first, &third));
    declare!(world, secret("a/cert", &["a.test"], NEWER));
    let changes = world.take_changes();
    let renewed = profile(&compiler.recompile(&world, changes), "a.test");
    assert!(!Arc::ptr_eq(&first, &renewed));
}

fn told(report: &postern_model::Report, object: &str) -> Vec<(String, String)> {
    let findings = report.findings.get(&key(Kind::Ingress, object)).into_iter().flatten();
    findings.map(|finding| (finding.reason.to_string(), finding.field.to_string())).collect()
}

#[test]
fn who_mentions_a_name_is_told_when_somebody_else_claims_it() {
    let not_owned = |field: &str| ("HostNotOwned".to_owned(), field.to_owned());
    for claimed in ["a.y.test", "*.y.test"] {
        let mut world = world();
        serve(&mut world, "a/web");
        let hosts = ["b.test", "a.y.test", "c.b.a.y.test"];
        declare!(
            world,
            secret("b/cert", &hosts, VALID),
            with_tls(ingress("b/in", 1, &["b.test/ web"]), "cert", &hosts),
        );
        let mut compiler = Compiler::new();
        compiler.compile(&world);
        world.record(compiler.report().claims.iter().cloned());
        world.take_changes();
        let before = told(compiler.report(), "b/in");
        assert!(before.iter().all(|(reason, _)| reason != "HostNotOwned"), "{before:?}");
        declare!(world, ingress("a/in", 2, &[&format!("{claimed}/ web")]));
        let changes = world.take_changes();
        compiler.recompile(&world, changes);
        let after: Vec<_> = told(compiler.report(), "b/in");
        let after: Vec<_> = after.into_iter().filter(|(why, _)| why == "HostNotOwned").collect();
        let mut expected = vec![not_owned("spec.tls[0].hosts[1]")];
        if claimed.starts_with('*') {
            expected.push(not_owned("spec.tls[0].hosts[2]"));
        }
        assert_eq!(after, expected, "{claimed}");
        assert_eq!(compiler.report(), &crate::compile(&world).1, "{claimed}");
    }
}
