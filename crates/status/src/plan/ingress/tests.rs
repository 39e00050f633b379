// SPDX-License-Identifier: Apache-2.0
//! What is written to objects with routes, and what is left alone.

use postern_model::{Object, Report, Settings, Unserved, World};

use super::*;
use crate::contention::MOST_REWRITES;
use crate::facts::tests::routes;

fn address(ip: &str) -> Vec<Address> {
    vec![Address { ip: Some(ip.to_owned()), hostname: None }]
}

/// Facts of these objects of `acme`, of which the one called `refused` has lost its host.
fn facts(names: &[&str]) -> Facts {
    let mut world = World::new(Settings::default());
    let mut report = Report::default();
    for name in names {
        let routes = routes("acme", name, &[&format!("{name}.test")]);
        if *name == "refused" {
            report.unserved.insert(routes.origin.key.clone(), Unserved::Everything);
        }
        world.declare(Object::HttpRoutes(Arc::new(routes)));
    }
    Facts::gather(&world, &report, |_| true)
}

fn seen(objects: &[(&str, Vec<Address>)]) -> Seen {
    let mut seen = Seen::default();
    for (name, addresses) in objects {
        let object = SeenIngress {
            uid: format!("uid-{name}").into(),
            version: 1,
            addresses: addresses.clone().into(),
        };
        seen.ingresses.insert(key_of(name), object);
    }
    seen
}

fn key_of(name: &str) -> Key {
    ("acme".into(), name.into())
}

fn now() -> Ingresses {
    Ingresses::new(jiff::Timestamp::UNIX_EPOCH)
}

/// The names of the objects that are written to, with the address.
fn plan(ingresses: &mut Ingresses, facts: &Facts, seen: &Seen) -> Vec<(String, String)> {
    let ours = address("203.0.113.7");
    let now = Instant::now();
    let tasks = ingresses.plan(facts, seen, Some(&ours), (now, &mut Quota::unbounded()));
    let written = tasks.into_iter().map(|task| {
        let Write::Ingress(body) = task.write else { panic!("not an Ingress") };
        let ip = body["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().unwrap_or_default();
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        (name.to_owned(), ip.to_owned())
    });
    written.collect()
}

#[test]
fn only_what_differs_is_written_and_nothing_that_is_not_seen() {
    let facts = facts(&["new", "same", "unseen"]);
    let seen = seen(&[("new", vec![]), ("same", address("203.0.113.7"))]);
    let written = plan(&mut now(), &facts, &seen);
    assert_eq!(written, [("new".to_owned(), "203.0.113.7".to_owned())]);
}

#[test]
fn an_object_that_took_anothers_name_is_not_written_to() {
    let facts = facts(&["shop"]);
    let mut seen = seen(&[("shop", vec![])]);
    seen.ingresses.get_mut(&key_of("shop")).unwrap().uid = "another".into();
    assert!(plan(&mut now(), &facts, &seen).is_empty());
}

#[test]
fn an_object_that_serves_nothing_loses_our_address_and_keeps_anothers() {
    let facts = facts(&["refused"]);
    let ours = seen(&[("refused", address("203.0.113.7"))]);
    assert_eq!(plan(&mut now(), &facts, &ours), [("refused".to_owned(), String::new())]);
    let theirs = seen(&[("refused", address("198.51.100.1"))]);
    assert!(plan(&mut now(), &facts, &theirs).is_empty());
}

#[test]
fn an_object_that_is_ours_no_longer_loses_what_we_wrote() {
    let mut ingresses = now();
    let seen = seen(&[("shop", address("203.0.113.7"))]);
    ingresses.wrote(key_of("shop"), &seen.ingresses[&key_of("shop")]);
    assert_eq!(plan(&mut ingresses, &facts(&[]), &seen), [("shop".to_owned(), String::new())]);
    // What we have not written is not ours to take away.
    assert!(plan(&mut now(), &facts(&[]), &seen).is_empty());
}

#[test]
fn whoever_goes_on_rewriting_gets_it() {
    let facts = facts(&["shop"]);
    let mut ingresses = now();
    let now = Instant::now();
    let ours = SeenIngress { addresses: address("203.0.113.7").into(), ..SeenIngress::default() };
    let theirs = seen(&[("shop", address("198.51.100.1"))]);
    for rewrite in 1..=MOST_REWRITES {
        assert_eq!(plan(&mut ingresses, &facts, &theirs).len(), 1);
        ingresses.wrote(key_of("shop"), &ours);
        let object = theirs.ingresses.get(&key_of("shop"));
        let gave_up = ingresses.noticed(&key_of("shop"), object, now);
        assert_eq!(gave_up, rewrite == MOST_REWRITES);
    }
    assert!(plan(&mut ingresses, &facts, &theirs).is_empty());
    assert_eq!(contended(&facts, &key_of("shop")).unwrap().reason, "StatusContended");
}

#[test]
fn what_came_to_be_served_is_said_until_it_was_said() {
    let facts = facts(&["refused", "shop"]);
    let ours = address("203.0.113.7");
    let seen = seen(&[("shop", ours.clone()), ("refused", vec![])]);
    let mut ingresses = now();
    let news = ingresses.news(&facts, &seen, Some(&ours));
    let [(route, state)] = &news[..] else { panic!("{news:?}") };
    let notice = served(route);
    assert_eq!(notice.note, "serving shop.test");
    assert_eq!(ingresses.news(&facts, &seen, Some(&ours)).len(), 1);
    let (namespace, name) = notice.target();
    let event = Target::Event(namespace, name);
    // An Event that was planned and never written has said nothing.
    ingresses.ask(&notice, state.clone());
    ingresses.forget(|_| true);
    ingresses.said(&event);
    assert_eq!(ingresses.news(&facts, &seen, Some(&ours)).len(), 1);
    ingresses.ask(&notice, state.clone());
    ingresses.forget(|_| false);
    ingresses.said(&event);
    assert!(ingresses.news(&facts, &seen, Some(&ours)).is_empty());
}

#[test]
fn a_new_leader_does_not_repeat_what_the_last_one_said() {
    let mut facts = facts(&["shop"]);
    let mut routes = (*facts.routes[0].routes).clone();
    routes.origin.created = Some(postern_model::Timestamp(-10));
    facts.routes[0].routes = Arc::new(routes);
    let ours = address("203.0.113.7");
    let told = seen(&[("shop", ours.clone())]);
    assert!(now().news(&facts, &told, Some(&ours)).is_empty());
    // The last one had not come to it yet.
    let untold = seen(&[("shop", vec![])]);
    assert_eq!(now().news(&facts, &untold, Some(&ours)).len(), 1);
}
