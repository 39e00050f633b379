// SPDX-License-Identifier: Apache-2.0
//! What may not be read, what is not there, and what is not to be read.

use std::time::Duration;

use postern_model::{Kind, Object, Reason, Settings, Standing, World};

use super::fake::Fake;
use super::{next, nothing_for, told, watch};
use crate::cluster::ClusterOptions;
use crate::cluster::event::{Item, ItemName};
use crate::cluster::reader::Reader;
use crate::cluster::version::Version;

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
    // For a while that may be a server that has just begun.
    (0..8).for_each(|_| fake.status(path, 403));
    drop(before);
    nothing_for(&mut cluster, 4).await;
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
    // Once before anything is heard, and once more when it is.
    (0..2).for_each(|_| fake.status(TENANTS, 403));
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

const NAMESPACES: &str = "/api/v1/namespaces";
const CLAIMS: &str = "/apis/postern.dev/v1alpha1/hostclaims";

/// An API server with these Namespaces and a claim of the namespace `preview`, whose UID is `u-preview`.
fn with_claim(names: &[&str], version: u64) -> Fake {
    let fake = Fake::new();
    let listed: Vec<_> = names.iter().map(|name| ("", *name, 3, "")).collect();
    fake.list(NAMESPACES, &listed, version);
    let spec =
        r#""spec":{"host":"a.test","namespace":"preview","namespaceUID":"u-preview","epoch":1}"#;
    fake.list(CLAIMS, &[("", "h.a.test", 7, spec)], 9);
    fake
}

/// Whether the namespace of the one claim is known to be gone.
fn is_bereft(world: &World) -> bool {
    let claim = world.claims().values().next().expect("there is a claim");
    world.is_bereft(claim)
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_in_no_complete_list_is_gone_unless_its_claim_is_younger() {
    for (names, version, expected) in [
        (&["default", "preview"][..], 8, false),
        (&["default"], 8, true),
        (&["default"], 6, false),
        // No cluster is without any.
        (&[], 8, false),
    ] {
        let mut cluster = watch(&with_claim(names, version));
        let mut world = World::new(Settings::default());
        next(&mut cluster).await.apply(&mut world);
        assert_eq!(is_bereft(&world), expected, "{names:?} at {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_deleted_is_gone_and_a_bookmark_settles_what_was_open() {
    let fake = Fake::new();
    let namespaces = fake.stream(NAMESPACES);
    namespaces.added("", "default", 2, "");
    namespaces.added("", "preview", 3, "");
    namespaces.bookmark(4, true);
    let claims = fake.stream(CLAIMS);
    claims.bookmark(4, true);
    let mut cluster = watch(&fake);
    let mut world = World::new(Settings::default());
    next(&mut cluster).await.apply(&mut world);
    namespaces.deleted("", "preview", 5);
    next(&mut cluster).await.apply(&mut world);
    // Another replica recorded it, which had not heard of the end of the namespace.
    let claim =
        r#""spec":{"host":"a.test","namespace":"preview","namespaceUID":"u-preview","epoch":1}"#;
    claims.added("", "h.a.test", 7, claim);
    next(&mut cluster).await.apply(&mut world);
    assert!(!is_bereft(&world), "it may be of a namespace of which this replica has not heard");
    namespaces.bookmark(8, false);
    next(&mut cluster).await.apply(&mut world);
    assert!(is_bereft(&world));
}

#[tokio::test(start_paused = true)]
async fn lists_that_are_cut_off_or_go_back_in_time_take_no_namespace_away() {
    let fake = Fake::new();
    let namespaces = fake.stream(NAMESPACES);
    namespaces.added("", "default", 2, "");
    namespaces.added("", "preview", 3, "");
    namespaces.bookmark(20, true);
    let claim =
        r#""spec":{"host":"a.test","namespace":"preview","namespaceUID":"u-preview","epoch":1}"#;
    fake.list(CLAIMS, &[("", "h.a.test", 7, claim)], 9);
    let mut cluster = watch(&fake);
    let mut world = World::new(Settings::default());
    next(&mut cluster).await.apply(&mut world);
    let cut_off = fake.stream(NAMESPACES);
    cut_off.added("", "default", 2, "");
    namespaces.error(410);
    drop(namespaces);
    nothing_for(&mut cluster, 5).await;
    // Older than what is known.
    fake.list(NAMESPACES, &[("", "default", 2, "")], 6);
    drop(cut_off);
    nothing_for(&mut cluster, 5).await;
    assert!(!is_bereft(&world));
}

#[test]
fn a_namespace_that_cannot_be_read_is_there() {
    let mut reader = Reader::new(Settings::default());
    let name = ItemName { namespace: "".into(), name: "preview".into() };
    let text = r#"{"metadata":{"name":"preview","uid":7,"resourceVersion":"9"}}"#.to_owned().into();
    let step = reader.read(Kind::Namespace, &Item { name, version: Version::read("9"), text });
    assert_eq!(
        step.object.map(|object| object.key().to_string()),
        Some("Namespace preview".into())
    );
    assert_eq!(step.findings.len(), 1);
}

#[test]
fn a_tenant_that_is_not_understood_is_closed_and_keeps_its_names() {
    let mut reader = Reader::new(Settings::default());
    let mut read = |text: &str| {
        let name = ItemName { namespace: "".into(), name: "acme".into() };
        let item = Item { name, version: Version::read("7"), text: text.to_owned().into() };
        let step = reader.read(Kind::Tenant, &item);
        let Some(Object::Tenant(spec)) = step.object else { panic!("{text}: {:?}", step.findings) };
        assert_eq!((step.key.to_string().as_str(), step.findings.len()), ("Tenant acme", 1));
        let finding = &step.findings[0];
        assert!(finding.message.ends_with("nothing of this tenant is served"), "{finding:?}");
        (spec.standing, spec.namespaces.len(), spec.domains.len(), finding.field.to_string())
    };
    let tenant = |spec: &str| {
        format!(
            r#"{{"metadata":{{"name":"acme"}},"spec":{spec},
                "status":{{"namespaces":[{{"name":"web","uid":"1"}}]}}}}"#
        )
    };
    assert_eq!(
        read(&tenant(r#"{"namespaces":["web","api"],"domains":["*.a.test"],"entryPoints":"web"}"#)),
        (Standing::Closed, 2, 1, "spec.entryPoints".into())
    );
    // Namespaces that were pinned are its own, even if it is not known which others are.
    assert_eq!(
        read(&tenant(r#"{"namespaces":[{"name":"web"}]}"#)),
        (Standing::Unbounded, 1, 0, "spec.namespaces[0]".into())
    );
}
