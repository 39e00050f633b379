// SPDX-License-Identifier: Apache-2.0
//! The API server goes away and comes back: everybody is heard again at once, and meanwhile nobody asks much.

use std::time::Duration;

use postern_model::Kind;
use tokio::time::{Instant, sleep};

use super::fake::{Fake, Stream};
use super::{INGRESSES, SECRETS, next, nothing_for, told, watch};
use crate::cluster::Cluster;

const SERVICES: &str = "/api/v1/services";
const ALL: [&str; 6] = [
    "/api/v1/namespaces",
    SERVICES,
    SECRETS,
    "/apis/discovery.k8s.io/v1/endpointslices",
    INGRESSES,
    "/apis/networking.k8s.io/v1/ingressclasses",
];

/// A cluster whose server is away for so many seconds; nothing changes meanwhile.
async fn outage(fake: &Fake, seconds: u64) -> Cluster {
    let mut cluster = watch(fake);
    next(&mut cluster).await;
    fake.goes_away();
    nothing_for(&mut cluster, seconds).await;
    cluster
}

/// Streams that go on where each watch ended.
fn streams(fake: &Fake) -> Vec<Stream> {
    ALL.iter().map(|path| fake.stream(path)).collect()
}

/// Until every kind was heard again.
async fn until_all_are_asked(fake: &Fake) -> Duration {
    let before: Vec<_> = ALL.iter().map(|path| fake.asked(path).len()).collect();
    let began = Instant::now();
    while ALL.iter().zip(&before).any(|(path, before)| fake.asked(path).len() == *before) {
        sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_every_watch_is_back_with_the_first() {
    for _ in 0..20 {
        let fake = Fake::new();
        let mut cluster = outage(&fake, 600).await;
        let back = streams(&fake);
        fake.comes_back();
        let began = Instant::now();
        assert!(until_all_are_asked(&fake).await <= Duration::from_millis(1600));
        back[1].added("acme", "late", 50, "");
        assert_eq!(told(&next(&mut cluster).await), ["+Service acme/late"]);
        assert!(began.elapsed() <= Duration::from_millis(1700), "{:?}", began.elapsed());
        assert!(cluster.health().troubles().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_server_is_away_it_is_asked_about_once_a_second() {
    let fake = Fake::new();
    let mut cluster = outage(&fake, 60).await;
    let before = fake.count();
    nothing_for(&mut cluster, 600).await;
    // One asks every 0.75 to 1.5 s, the others every 5 to 10 s each.
    let asked = fake.count() - before;
    assert!((800..=1600).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_everything_at_first_has_denied_nothing() {
    let fake = Fake::new();
    let mut cluster = outage(&fake, 600).await;
    for path in ALL {
        (0..3).for_each(|_| fake.status(path, 403));
    }
    let back = streams(&fake);
    fake.comes_back();
    until_all_are_asked(&fake).await;
    back[2].added("acme", "idle", 50, "");
    nothing_for(&mut cluster, 5).await;
    assert!(cluster.health().troubles().is_empty(), "{:?}", cluster.health().troubles());
    // What is refused for longer is denied.
    (0..100).for_each(|_| fake.status(SERVICES, 403));
    drop(back);
    let batch = next(&mut cluster).await;
    assert_eq!(&*batch.notes[0].0, "access to Service in all namespaces");
    assert!(cluster.health().troubles().iter().all(|trouble| trouble.kind == Kind::Service));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_to_be_asked_for_later_is_not_called() {
    let fake = Fake::new();
    let mut cluster = outage(&fake, 600).await;
    fake.later(SERVICES, 429, 4);
    fake.later(SERVICES, 503, 4);
    let back = streams(&fake);
    fake.comes_back();
    until_all_are_asked(&fake).await;
    let asked = fake.asked(SERVICES).len();
    nothing_for(&mut cluster, 3).await;
    assert_eq!(fake.asked(SERVICES).len(), asked, "it said 4 seconds");
    nothing_for(&mut cluster, 10).await;
    assert_eq!(fake.asked(SERVICES).len(), asked + 2);
    back[1].added("acme", "late", 50, "");
    assert_eq!(told(&next(&mut cluster).await), ["+Service acme/late"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drops_what_it_accepts_is_not_met_with_a_storm() {
    let fake = Fake::new();
    let mut cluster = outage(&fake, 60).await;
    for path in ALL {
        (0..10_000).for_each(|_| drop(fake.stream(path)));
    }
    fake.comes_back();
    let before = fake.count();
    nothing_for(&mut cluster, 600).await;
    let asked = fake.count() - before;
    assert!(asked <= 600 * 9, "{asked}");
}
