// SPDX-License-Identifier: Apache-2.0
//! Secrets are read where something refers to them, and nowhere else.

use std::time::Duration;

use super::fake::{Fake, object};
use super::{INGRESSES, SECRETS, next, nothing_for, told, watch};
use crate::cluster::ClusterOptions;

const DATA: &str = r#""type":"kubernetes.io/tls","data":{"tls.crt":"eA==","tls.key":"eQ=="}"#;

/// The fields of an Ingress that refers to these Secrets.
fn refers_to(secrets: &[&str]) -> String {
    let tls = secrets.iter().map(|secret| format!(r#"{{"secretName":"{secret}"}}"#));
    let tls = tls.collect::<Vec<_>>().join(",");
    format!(r#""spec":{{"tls":[{tls}],"rules":[{{"host":"a.example.org"}}]}}"#)
}

fn by_name(fake: &Fake) -> crate::cluster::Cluster {
    fake.watch(&ClusterOptions { secrets_by_name: true, ..ClusterOptions::default() })
}

#[tokio::test(start_paused = true)]
async fn secrets_that_nothing_refers_to_are_not_kept() {
    let fake = Fake::new();
    fake.list(INGRESSES, &[("acme", "web", 3, &refers_to(&["used"]))], 5);
    fake.list(SECRETS, &[("acme", "used", 2, DATA), ("acme", "idle", 2, DATA)], 5);
    let batch = next(&mut watch(&fake)).await;
    assert_eq!(told(&batch), ["+Secret acme/used", "+Ingress acme/web"]);
    assert!(fake.asked("/api/v1/namespaces/acme/secrets/used").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ingress_comes_together_with_the_secret_that_it_begins_to_refer_to() {
    let fake = Fake::new();
    let ingresses = fake.stream(INGRESSES);
    ingresses.added("acme", "web", 3, &refers_to(&["old"]));
    ingresses.bookmark(4, true);
    fake.list(SECRETS, &[("acme", "old", 2, DATA), ("acme", "new", 2, DATA)], 5);
    let mut cluster = watch(&fake);
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/old", "+Ingress acme/web"]);
    let slow = fake.stream("/api/v1/namespaces/acme/secrets/new");
    ingresses.modified("acme", "web", 5, &refers_to(&["new"]));
    let before = tokio::time::timeout(Duration::from_millis(900), cluster.next()).await;
    assert!(before.is_err());
    slow.say(&object("acme", "new", 2, DATA));
    drop(slow);
    let batch = next(&mut cluster).await;
    assert_eq!(told(&batch), ["+Secret acme/new", "-Secret acme/old", "+Ingress acme/web"]);
}

#[tokio::test(start_paused = true)]
async fn an_ingress_does_not_wait_for_a_secret_for_ever() {
    let fake = Fake::new();
    let ingresses = fake.stream(INGRESSES);
    ingresses.bookmark(2, true);
    fake.list(SECRETS, &[("acme", "lost", 2, DATA)], 5);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    let slow = fake.stream("/api/v1/namespaces/acme/secrets/lost");
    ingresses.added("acme", "web", 5, &refers_to(&["lost", "nowhere"]));
    let began = tokio::time::Instant::now();
    assert_eq!(told(&next(&mut cluster).await), ["+Ingress acme/web"]);
    assert!(began.elapsed() < Duration::from_millis(1_100));
    slow.say(&object("acme", "lost", 2, DATA));
    drop(slow);
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/lost"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_changes_goes_and_comes_again_is_followed_while_it_is_referred_to() {
    let fake = Fake::new();
    let ingresses = fake.stream(INGRESSES);
    ingresses.added("acme", "web", 3, &refers_to(&["tls"]));
    ingresses.bookmark(4, true);
    let secrets = fake.stream(SECRETS);
    secrets.bookmark(4, true);
    let mut cluster = watch(&fake);
    assert_eq!(told(&next(&mut cluster).await), ["+Ingress acme/web"]);
    secrets.added("acme", "tls", 5, DATA);
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/tls"]);
    secrets.added("acme", "other", 6, DATA);
    secrets.modified("acme", "tls", 7, DATA);
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/tls"]);
    secrets.deleted("acme", "tls", 8);
    assert_eq!(told(&next(&mut cluster).await), ["-Secret acme/tls"]);
    secrets.added("acme", "tls", 9, DATA);
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/tls"]);
    ingresses.deleted("acme", "web", 10);
    assert_eq!(told(&next(&mut cluster).await), ["-Secret acme/tls", "-Ingress acme/web"]);
    secrets.modified("acme", "tls", 11, DATA);
    nothing_for(&mut cluster, 10).await;
}

#[tokio::test(start_paused = true)]
async fn by_name_no_list_of_secrets_is_asked_for() {
    let fake = Fake::new();
    let ingresses = fake.stream(INGRESSES);
    ingresses.added("acme", "web", 3, &refers_to(&["a", "missing"]));
    ingresses.bookmark(4, true);
    let own = "/api/v1/namespaces/acme/secrets";
    fake.text("/api/v1/namespaces/acme/secrets/a", &object("acme", "a", 2, DATA));
    // Watches are opened when the last was read, by that one first.
    let of_missing = fake.stream(own);
    let watched = fake.stream(own);
    let mut cluster = by_name(&fake);
    // Nobody waits until the watches are open.
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/a", "+Ingress acme/web"]);
    of_missing.bookmark(5, true);
    watched.added("acme", "a", 2, DATA);
    watched.bookmark(5, true);
    nothing_for(&mut cluster, 5).await;
    let asked = fake.asked(own);
    assert_eq!(asked.len(), 2);
    for (query, name) in asked.iter().zip(["missing", "a"]) {
        assert!(query.contains(&format!("fieldSelector=metadata.name%3D{name}&")), "{query}");
    }
    assert!(asked[1].ends_with("resourceVersion=2") && !asked[0].contains("resourceVersion="));
    assert!(fake.asked(SECRETS).is_empty());
    ingresses.modified("acme", "web", 6, &refers_to(&["missing"]));
    assert_eq!(told(&next(&mut cluster).await), ["-Secret acme/a", "+Ingress acme/web"]);
    watched.modified("acme", "a", 7, DATA);
    nothing_for(&mut cluster, 10).await;
}

#[tokio::test(start_paused = true)]
async fn by_name_no_watch_is_opened_while_others_are_to_be_read() {
    let fake = Fake::new();
    fake.list(INGRESSES, &[("acme", "web", 3, &refers_to(&["quick", "slow"]))], 5);
    fake.text("/api/v1/namespaces/acme/secrets/quick", &object("acme", "quick", 2, DATA));
    let slow = fake.stream("/api/v1/namespaces/acme/secrets/slow");
    let mut cluster = by_name(&fake);
    nothing_for(&mut cluster, 5).await;
    let own = "/api/v1/namespaces/acme/secrets";
    assert!(fake.asked(own).is_empty());
    slow.say(&object("acme", "slow", 2, DATA));
    drop(slow);
    assert_eq!(next(&mut cluster).await.objects.len(), 3);
    nothing_for(&mut cluster, 0).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(fake.asked(own).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_goes_between_its_reading_and_its_watch_is_gone() {
    let fake = Fake::new();
    fake.list(INGRESSES, &[("acme", "web", 3, &refers_to(&["tls"]))], 5);
    fake.text("/api/v1/namespaces/acme/secrets/tls", &object("acme", "tls", 2, DATA));
    let watched = fake.stream("/api/v1/namespaces/acme/secrets");
    let mut cluster = by_name(&fake);
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/tls", "+Ingress acme/web"]);
    watched.bookmark(7, true);
    assert_eq!(told(&next(&mut cluster).await), ["-Secret acme/tls"]);
    watched.added("acme", "tls", 8, DATA);
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/tls"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_may_be_read_but_not_watched_is_read_now_and_then() {
    let fake = Fake::new();
    fake.list(INGRESSES, &[("acme", "web", 3, &refers_to(&["tls"]))], 5);
    fake.status("/api/v1/namespaces/acme/secrets", 403);
    let one = "/api/v1/namespaces/acme/secrets/tls";
    // Before the watch that is refused, after it, and then again and again.
    for version in [2, 2, 2, 8] {
        fake.text(one, &object("acme", "tls", version, DATA));
    }
    let mut cluster = by_name(&fake);
    let batch = next(&mut cluster).await;
    assert_eq!(told(&batch), ["+Secret acme/tls", "+Ingress acme/web"]);
    assert!(batch.notes.is_empty());
    nothing_for(&mut cluster, 29).await;
    assert_eq!(told(&next(&mut cluster).await), ["+Secret acme/tls"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_may_not_be_read_is_told_once_for_its_namespace() {
    let fake = Fake::new();
    fake.list(INGRESSES, &[("acme", "web", 3, &refers_to(&["a", "b"]))], 5);
    let own = "/api/v1/namespaces/acme/secrets";
    let (a, b) = ("/api/v1/namespaces/acme/secrets/a", "/api/v1/namespaces/acme/secrets/b");
    // Each is read before it is watched, watched, and read now and then.
    for path in [a, b, own, own, a, b] {
        fake.status(path, 403);
    }
    let mut cluster = by_name(&fake);
    let batch = next(&mut cluster).await;
    assert_eq!(told(&batch), ["+Ingress acme/web"]);
    assert_eq!(batch.notes.len(), 1);
    assert_eq!(&*batch.notes[0].0, "access to Secret in acme");
    assert_eq!(batch.notes[0].1.len(), 1);
}

/// There may be thousands of these at once.
#[tokio::test]
async fn a_watch_of_one_secret_is_small() {
    let (outbox, _inbox) = tokio::sync::mpsc::channel(1);
    let mut informer = crate::cluster::informer::Informer {
        id: 0,
        target: crate::cluster::Target::all(postern_model::Kind::Secret, None),
        place: Fake::new().connections().place(),
        contact: crate::cluster::Health::new().aside(postern_model::Kind::Secret),
        outbox,
        fetcher: None,
        unread: None,
        pace: crate::cluster::pulse::Pulse::new().pace(),
        state: Default::default(),
    };
    let bytes = size_of_val(&informer) + size_of_val(&informer.run());
    assert!(bytes <= 4096, "{bytes}");
}
