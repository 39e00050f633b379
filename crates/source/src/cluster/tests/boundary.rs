// SPDX-License-Identifier: Apache-2.0
//! What may not be read, what is not there, and what is not to be read.

use std::time::Duration;

use postern_model::{Reason, Settings, World};

use super::fake::Fake;
use super::{next, nothing_for, told, watch};
use crate::cluster::ClusterOptions;

const GRANTS: [&str; 2] = [
    "/apis/gateway.networking.k8s.io/v1/referencegrants",
    "/apis/gateway.networking.k8s.io/v1beta1/referencegrants",
];
const TENANTS: &str = "/apis/postern.dev/v1alpha1/tenants";

fn in_namespaces(names: &[&str]) -> ClusterOptions {
    let namespaces = names.iter().map(|name| (*name).into()).collect();
    let settings = Settings { namespaces, ..Settings::default() };
    ClusterOptions { settings, ..ClusterOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_namespace_is_told_and_the_others_keep_working() {
    let fake = Fake::new();
    let (open, shut) = ("/api/v1/namespaces/open/services", "/api/v1/namespaces/shut/services");
    fake.list(open, &[("open", "web", 3, "")], 5);
    fake.status(shut, 403);
    fake.status(shut, 403);
    fake.list(shut, &[("shut", "web", 3, "")], 5);
    let mut cluster = fake.watch(&in_namespaces(&["open", "shut"]));
    let mut world = World::new(Settings::default());
    let batch = next(&mut cluster).await;
    assert_eq!(told(&batch), ["+Service open/web"]);
    batch.apply(&mut world);
    let findings: Vec<_> = world.findings().collect();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].reason, Reason::AccessNotGranted);
    assert_eq!(findings[0].origin.key.to_string(), "Namespace shut");
    let batch = next(&mut cluster).await;
    assert_eq!(told(&batch), ["+Service shut/web"]);
    batch.apply(&mut world);
    assert_eq!(world.findings().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn access_that_is_taken_away_later_keeps_what_was_read() {
    let fake = Fake::new();
    let path = "/api/v1/namespaces/acme/services";
    let before = fake.stream(path);
    before.added("acme", "web", 3, "");
    before.bookmark(4, true);
    let mut cluster = fake.watch(&in_namespaces(&["acme"]));
    next(&mut cluster).await;
    fake.status(path, 403);
    fake.status(path, 403);
    drop(before);
    let batch = next(&mut cluster).await;
    assert_eq!((told(&batch), batch.notes.len()), (vec![], 1));
    // Granted again, the watch goes on where it was.
    let batch = next(&mut cluster).await;
    assert!(batch.objects.is_empty() && batch.notes[0].1.is_empty());
    let asked = fake.asked(path);
    assert!(asked.last().is_some_and(|query| query.ends_with("&resourceVersion=4")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn without_the_objects_that_draw_the_boundary_nothing_is_served() {
    let fake = Fake::new();
    fake.status(TENANTS, 403);
    let mut cluster = watch(&fake);
    nothing_for(&mut cluster, 4).await;
    assert!(!cluster.is_complete());
    let batch = next(&mut cluster).await;
    assert!(cluster.is_complete() && batch.objects.is_empty());
}

#[tokio::test(start_paused = true)]
async fn kinds_that_come_later_are_found_in_the_version_that_is_served() {
    let fake = Fake::new();
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    fake.status(GRANTS[0], 404);
    fake.list(GRANTS[1], &[("acme", "lend", 3, "")], 5);
    fake.list(TENANTS, &[("", "acme", 4, "")], 5);
    let mut all = told(&next(&mut cluster).await);
    all.extend(told(&next(&mut cluster).await));
    all.sort();
    assert_eq!(all, ["+ReferenceGrant acme/lend", "+Tenant acme"]);
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_seems_to_be_gone_keeps_its_objects() {
    let fake = Fake::new();
    let tenants = fake.stream(TENANTS);
    tenants.added("", "acme", 3, "");
    tenants.bookmark(4, true);
    let mut cluster = watch(&fake);
    assert_eq!(told(&next(&mut cluster).await), ["+Tenant acme"]);
    drop(tenants);
    nothing_for(&mut cluster, 300).await;
    let back = fake.stream(TENANTS);
    back.bookmark(9, true);
    assert_eq!(told(&next(&mut cluster).await), ["-Tenant acme"]);
}

#[tokio::test(start_paused = true)]
async fn only_what_the_options_ask_for_is_read() {
    let fake = Fake::new();
    let options = ClusterOptions {
        label_selector: "team=a".into(),
        disable_cluster_scope_resources: true,
        ..in_namespaces(&["acme", "acme"])
    };
    let mut cluster = fake.watch(&options);
    next(&mut cluster).await;
    nothing_for(&mut cluster, 60).await;
    for path in [TENANTS, "/api/v1/namespaces", "/apis/networking.k8s.io/v1/ingressclasses"] {
        assert!(fake.asked(path).is_empty(), "{path}");
    }
    let ingresses = fake.asked("/apis/networking.k8s.io/v1/namespaces/acme/ingresses");
    assert_eq!(ingresses.len(), 1);
    assert!(ingresses[0].starts_with("labelSelector=team%3Da&"), "{ingresses:?}");
    assert!(!fake.asked("/api/v1/namespaces/acme/services")[0].contains("labelSelector"));
    assert_eq!(fake.asked("/api/v1/namespaces/acme/secrets").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_line_without_end_is_given_up() {
    let fake = Fake::new();
    let path = "/api/v1/services";
    let endless = fake.stream(path);
    let feed = tokio::spawn(async move {
        for _ in 0..(crate::MAX_DOCUMENT_BYTES >> 16) + 2 {
            endless.say(&"x".repeat(1 << 16));
            tokio::task::yield_now().await;
        }
        endless
    });
    fake.list(path, &[("acme", "web", 3, "")], 5);
    let mut cluster = watch(&fake);
    assert_eq!(told(&next(&mut cluster).await), ["+Service acme/web"]);
    assert!(tokio::time::timeout(Duration::from_secs(1), feed).await.is_ok());
}
