// SPDX-License-Identifier: Apache-2.0

use postern_model::Kind;

mod generated;
mod properties;
mod speed;
mod unreadable;

pub(crate) use generated::release;

use crate::scenario::{
    VALID, compiled, declare, ingress, reasons, rendered, secret, serve, with_tls, world,
};

#[test]
fn an_ingress_is_served_with_its_certificate() {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(
        world,
        secret("a/cert", &["a.test"], VALID),
        with_tls(ingress("a/in", 1, &["a.test/ web"]), "cert", &["a.test"]),
    );
    let (snapshot, report) = compiled(&mut world);
    let hosts = rendered(&snapshot, &world);
    let entry = &hosts["a.test"];
    assert_eq!(entry["tenant"], "a");
    assert_eq!(entry["tls"]["names"][0], "a.test");
    assert_eq!(entry["routes"][0]["endpoints"][0], "10.0.0.1:8080");
    assert_eq!(reasons(&report, Kind::Ingress, "a/in"), [""; 0]);
    assert_eq!(report.claims.len(), 1);
    assert_eq!(report.findings.len(), 0);
}

#[test]
fn another_tenant_does_not_get_the_host() {
    let mut world = world();
    serve(&mut world, "a/web");
    serve(&mut world, "b/web");
    declare!(
        world,
        ingress("a/in", 1, &["a.test/ web"]),
        ingress("b/in", 2, &["a.test/ web", "b.test/ web"])
    );
    let (snapshot, report) = compiled(&mut world);
    let hosts = rendered(&snapshot, &world);
    assert_eq!(hosts["a.test"]["tenant"], "a");
    assert_eq!(hosts["b.test"]["tenant"], "b");
    assert_eq!(reasons(&report, Kind::Ingress, "b/in"), ["HostNotOwned"]);
    let finding = &report.findings.values().next().unwrap()[0];
    assert_eq!(finding.message, "this hostname belongs to another tenant");
    assert_eq!(&*finding.field, "spec.rules[0].host");
}

#[test]
fn a_compiler_that_starts_over_decides_anew_whose_the_names_are() {
    let mut world = world();
    serve(&mut world, "a/web");
    declare!(world, ingress("a/in", 1, &["a.test/ web"]));
    let before = crate::Compiler::new().compile(&world);
    let mut anew = crate::Compiler::new();
    anew.number_after(before.generation());
    let after = anew.compile(&world);
    assert!(after.generation() > before.generation());
    assert!(after.decided() > before.decided());
}
