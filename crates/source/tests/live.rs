// SPDX-License-Identifier: Apache-2.0
//! A look at a real cluster; skipped unless POSTERN_TEST_KUBECONFIG names its kubeconfig.
#![expect(clippy::print_stderr, reason = "shows what was measured")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use postern_model::{Settings, World};
use postern_source::{Access, Cluster, ClusterOptions};

fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_cluster_is_read() {
    let Some(path) = std::env::var_os("POSTERN_TEST_KUBECONFIG") else { return };
    let list = |name: &str| -> Vec<String> {
        let value = std::env::var(name).unwrap_or_default();
        value.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect()
    };
    let settings = Settings {
        namespaces: list("LIVE_NAMESPACES").iter().map(|n| n.as_str().into()).collect(),
        ..Settings::default()
    };
    let options = ClusterOptions {
        access: Access { kubeconfig: Some(PathBuf::from(path)), ..Access::default() },
        settings: settings.clone(),
        secrets_by_name: std::env::var("LIVE_BY_NAME").is_ok(),
        ..ClusterOptions::default()
    };
    let before = rss();
    let started = Instant::now();
    let mut cluster = Cluster::connect(&options).await.expect("the cluster is there");
    eprintln!("connected after {:?}", started.elapsed());
    let mut world = World::new(settings);
    loop {
        let wait = tokio::time::timeout(Duration::from_secs(5), cluster.next()).await;
        if let Ok(batch) = wait {
            eprintln!(
                "{:?}: {} objects, {} notes, rss +{} KB",
                started.elapsed(),
                batch.objects.len(),
                batch.notes.len(),
                rss() - before
            );
            for (key, object) in batch.objects.iter().take(4) {
                eprintln!("  {key} {}", if object.is_some() { "declared" } else { "withdrawn" });
            }
            for (about, findings) in batch.notes.iter().take(4) {
                eprintln!("  {about}: {:?}", findings.first().map(|f| &f.message));
            }
            batch.apply(&mut world);
            eprintln!("  applied, rss +{} KB", rss() - before);
        }
        for (kind, staleness) in cluster.health().staleness() {
            if staleness > Duration::from_secs(20) {
                eprintln!("{kind} {staleness:?}");
            }
        }
        for trouble in cluster.health().troubles().iter().take(3) {
            eprintln!("trouble {trouble:?}");
        }
        if started.elapsed()
            > Duration::from_secs(
                list("LIVE_SECONDS").first().and_then(|s| s.parse().ok()).unwrap_or(6),
            )
        {
            return;
        }
    }
}
