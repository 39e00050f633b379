// SPDX-License-Identifier: Apache-2.0
//! What `explain` says.

use postern_model::{Kind, World};

use super::*;
use crate::scenario::{VALID, compiled, declare, ingress, key, secret, serve, with_tls, world};

fn explained(world: &World, url: &str, sni: Option<&str>) -> Explanation {
    crate::explain(world, &Question::parse(url, sni).unwrap())
}

fn two_tenants() -> World {
    let mut world = world();
    serve(&mut world, "a/web");
    serve(&mut world, "b/web");
    declare!(
        world,
        secret("a/cert", &["a.test", "also.test"], VALID),
        secret("b/cert", &["a.test", "b.test"], VALID),
        with_tls(ingress("a/in", 1, &["a.test/ web", "a.test/long web"]), "cert", &["a.test"]),
        with_tls(ingress("a/also", 1, &["also.test/ web"]), "cert", &["also.test"]),
        with_tls(ingress("b/in", 2, &["b.test/ web", "a.test/ web"]), "cert", &["a.test"]),
    );
    compiled(&mut world);
    world
}

#[test]
fn a_url_is_a_question() {
    let question = Question::parse("https://A.test:8443/x/../y?q#f", Some("B.test.")).unwrap();
    assert!(question.tls);
    assert_eq!((question.host.as_str(), question.sni.as_str()), ("a.test", "b.test"));
    assert_eq!(question.path, "/y");
    assert_eq!(Question::parse("http://a.test", None).unwrap().path, "/");
    assert_eq!(Question::parse("a.test/", None), Err(InvalidQuestion::Scheme));
    assert_eq!(Question::parse("http:///", None), Err(InvalidQuestion::Host(InvalidHost::Empty)));
    let port = Question::parse("http://a.test/", Some("b:1"));
    assert_eq!(port, Err(InvalidQuestion::Sni(InvalidHost::NotLdh)));
}

#[test]
fn a_request_is_followed_to_its_backend_and_every_loser_has_a_reason() {
    let explanation = explained(&two_tenants(), "https://a.test/long/x", None);
    assert_eq!(explanation.tenant.as_deref(), Some("a"));
    assert_eq!(explanation.ownership.to_string(), "namespace a claimed a.test (epoch 1)");
    assert_eq!(explanation.handshake.unwrap().result, Ok(key(Kind::Secret, "a/cert")));
    assert_eq!(explanation.outcome, Outcome::Forwarded);
    assert_eq!(explanation.entry_point.as_deref(), Some("websecure"));
    let route = explanation.route.unwrap();
    assert_eq!((&*route.field, &*route.path), ("spec.rules[1].http.paths[0]", "Prefix /long"));
    let backend = explanation.backend.unwrap();
    assert_eq!(backend.service, key(Kind::Service, "a/web"));
    assert_eq!(backend.endpoints[0].to_string(), "10.0.0.1:8080");
    let losers: Vec<_> = explanation
        .losers
        .iter()
        .map(|loser| (loser.object.to_string(), loser.reason.as_str()))
        .collect();
    let shorter = "its priority is 33, that of the winner 37";
    assert_eq!(
        losers,
        [
            ("Ingress a/in".to_owned(), shorter),
            ("Ingress b/in".to_owned(), "this hostname belongs to another tenant"),
        ]
    );
}

#[test]
fn another_hosts_connection_is_misdirected_unless_it_has_the_same_profile() {
    let world = two_tenants();
    let also = explained(&world, "https://a.test/", Some("also.test"));
    assert_eq!(also.outcome, Outcome::Forwarded);
    let other = explained(&world, "https://a.test/", Some("b.test"));
    assert_eq!(other.outcome, Outcome::Misdirected);
    assert!(other.route.is_none() && other.backend.is_none());
}

#[test]
fn refusals_say_why() {
    let world = two_tenants();
    let nobody = explained(&world, "https://nobody.test/", None);
    assert_eq!(nobody.outcome, Outcome::Refused);
    assert_eq!(nobody.ownership, Ownership::Nobody);
    assert_eq!(nobody.handshake.unwrap().result, Err("nobody owns the name"));
    assert_eq!(explained(&world, "http://nobody.test/", None).outcome, Outcome::NotFound);
    let mut world = world;
    world.withdraw(&key(Kind::Secret, "a/cert"));
    let broken = explained(&world, "https://a.test/", None).handshake.unwrap();
    assert_eq!(broken.result, Err("the host's own certificate is unusable"));
    assert_eq!(broken.losers[0].reason, "there is no such Secret");
}
