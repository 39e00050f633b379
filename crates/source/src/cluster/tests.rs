// SPDX-License-Identifier: Apache-2.0

mod access;
mod boundary;
mod fake;
mod lists;
mod outage;
mod secrets;

use std::time::Duration;

use postern_model::{Settings, World};
use tokio::time::timeout;

use super::{Batch, Cluster, ClusterOptions};
use fake::Fake;

const INGRESSES: &str = "/apis/networking.k8s.io/v1/ingresses";
const SECRETS: &str = "/api/v1/secrets";

/// A cluster of all namespaces, on this API server.
fn watch(fake: &Fake) -> Cluster {
    fake.watch(&ClusterOptions::default())
}

/// The next batch, which must come.
async fn next(cluster: &mut Cluster) -> Batch {
    timeout(Duration::from_secs(600), cluster.next()).await.expect("a batch comes")
}

/// For so long nothing may come.
async fn nothing_for(cluster: &mut Cluster, seconds: u64) {
    let batch = timeout(Duration::from_secs(seconds), cluster.next()).await;
    assert!(batch.is_err(), "{:?}", told(&batch.unwrap_or_default()));
}

/// A batch in words: `+Ingress acme/web` for what is declared, `-` for what is withdrawn.
fn told(batch: &Batch) -> Vec<String> {
    let sign = |is_there| if is_there { '+' } else { '-' };
    batch.objects.iter().map(|(key, object)| format!("{}{key}", sign(object.is_some()))).collect()
}

#[tokio::test(start_paused = true)]
async fn an_empty_cluster_begins_with_an_empty_batch() {
    let fake = Fake::new();
    let mut cluster = watch(&fake);
    let batch = next(&mut cluster).await;
    assert!(cluster.is_complete() && batch.objects.is_empty() && batch.notes.is_empty());
    nothing_for(&mut cluster, 100).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_handed_over_before_every_list_is_complete() {
    let fake = Fake::new();
    let slices = fake.stream("/apis/discovery.k8s.io/v1/endpointslices");
    fake.list("/api/v1/services", &[("acme", "web", 3, "")], 5);
    let mut cluster = watch(&fake);
    nothing_for(&mut cluster, 100).await;
    assert!(!cluster.is_complete());
    slices.bookmark(7, true);
    assert_eq!(told(&next(&mut cluster).await), ["+Service acme/web"]);
}

#[tokio::test(start_paused = true)]
async fn a_steady_stream_of_changes_postpones_a_batch_by_25_ms_at_most() {
    let fake = Fake::new();
    let services = fake.stream("/api/v1/services");
    services.bookmark(1, true);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    let feed = tokio::spawn(async move {
        for version in 2..200 {
            services.added("acme", &format!("s{version}"), version, "");
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        services
    });
    let began = tokio::time::Instant::now();
    let batch = next(&mut cluster).await;
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(20) && took <= Duration::from_millis(30), "{took:?}");
    assert!(batch.objects.len() > 5);
    feed.abort();
}

#[tokio::test(start_paused = true)]
async fn a_change_alone_is_told_within_10_ms_unless_throttled() {
    let fake = Fake::new();
    let services = fake.stream("/api/v1/services");
    services.bookmark(1, true);
    let throttle = Duration::from_secs(2);
    let mut cluster = fake.watch(&ClusterOptions { throttle, ..ClusterOptions::default() });
    next(&mut cluster).await;
    tokio::time::sleep(throttle).await;
    for (name, expected) in [("a", Duration::from_millis(5)), ("b", throttle)] {
        services.added("acme", name, 2, "");
        let began = tokio::time::Instant::now();
        next(&mut cluster).await;
        let took = began.elapsed();
        assert!(took + Duration::from_millis(2) >= expected, "{took:?}");
        assert!(took <= expected + Duration::from_millis(5), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_an_object_is_noted_and_taken_back() {
    let fake = Fake::new();
    let services = fake.stream("/api/v1/services");
    services.added("acme", "web", 2, r#""spec":{"ports":[{"port":0}]}"#);
    services.bookmark(3, true);
    let mut cluster = watch(&fake);
    let mut world = World::new(Settings::default());
    next(&mut cluster).await.apply(&mut world);
    assert_eq!(world.findings().count(), 1);
    let found = world.findings().next().expect("one was counted");
    assert_eq!(
        (found.origin.key.to_string(), found.origin.place),
        ("Service acme/web".into(), None)
    );
    services.modified("acme", "web", 4, r#""spec":{"ports":[{"port":80}]}"#);
    next(&mut cluster).await.apply(&mut world);
    assert_eq!(world.findings().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_is_left_out_and_told_and_others_are_read() {
    let fake = Fake::new();
    let services = fake.stream("/api/v1/services");
    services.added("acme", "bad", 2, r#""spec":{"ports":"hunter2"}"#);
    services.added("acme", "good", 3, "");
    services.bookmark(4, true);
    let batch = next(&mut watch(&fake)).await;
    assert_eq!(told(&batch), ["-Service acme/bad", "+Service acme/good"]);
    assert!(!format!("{:?}", batch.notes).contains("hunter2"));
    assert_eq!(batch.notes.len(), 1);
}
