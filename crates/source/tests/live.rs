// SPDX-License-Identifier: Apache-2.0
//! A look at a real cluster, whose kubeconfig `POSTERN_TEST_KUBECONFIG` names; without that the test is skipped.
//! `POSTERN_TEST_NAMESPACES`, a list with commas, narrows it to those, and reads Secrets by name.
#![expect(clippy::print_stderr, reason = "says what was measured, or that nothing was")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use postern_model::{Kind, Settings, World};
use postern_source::{Access, Cluster, ClusterOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_cluster_is_read_to_the_end() {
    let Some(path) = std::env::var_os("POSTERN_TEST_KUBECONFIG") else {
        eprintln!("skipped: POSTERN_TEST_KUBECONFIG is not set");
        return;
    };
    let names = std::env::var("POSTERN_TEST_NAMESPACES").unwrap_or_default();
    let names = names.split(',').filter(|name| !name.is_empty());
    let settings = Settings { namespaces: names.map(Into::into).collect(), ..Settings::default() };
    let options = ClusterOptions {
        access: Access { kubeconfig: Some(PathBuf::from(path)), ..Access::default() },
        secrets_by_name: !settings.namespaces.is_empty(),
        settings: settings.clone(),
        ..ClusterOptions::default()
    };
    let started = Instant::now();
    let mut cluster = Cluster::connect(&options).await.expect("the cluster answers");
    assert!(!cluster.is_complete());
    let batch = tokio::time::timeout(Duration::from_secs(120), cluster.next()).await;
    let batch = batch.expect("the cluster is read in time");
    eprintln!("{} objects in {:?}", batch.objects.len(), started.elapsed());
    assert!(cluster.is_complete());
    assert!(batch.objects.iter().all(|(_, object)| object.is_some()));
    let mut world = World::new(settings);
    batch.apply(&mut world);
    assert!(world.namespace_uid("kube-system").is_some());
    let health = cluster.health();
    assert_eq!(health.troubles(), []);
    assert!(health.staleness()[&Kind::Ingress] < Duration::from_secs(120));
}
