// SPDX-License-Identifier: Apache-2.0
//! Fail static: whatever an API server does, configuration goes only when it is known to be gone.

use std::time::Duration;

use postern_model::Kind;

use super::fake::{Fake, object};
use super::{next, nothing_for, told, watch};

const SERVICES: &str = "/api/v1/services";

#[tokio::test(start_paused = true)]
async fn what_vanished_behind_a_410_is_withdrawn_once_the_new_list_is_complete() {
    let fake = Fake::new();
    let before = fake.stream(SERVICES);
    before.added("acme", "a", 2, "");
    before.added("acme", "b", 3, "");
    before.bookmark(5, true);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    let after = fake.stream(SERVICES);
    before.error(410);
    after.added("acme", "b", 3, "");
    after.added("acme", "c", 8, "");
    nothing_for(&mut cluster, 60).await;
    after.bookmark(9, true);
    // What has not changed is not told again.
    assert_eq!(told(&next(&mut cluster).await), ["-Service acme/a", "+Service acme/c"]);
    assert!(cluster.health().troubles().is_empty());
}

#[tokio::test(start_paused = true)]
async fn however_often_the_server_forgets_changes_are_seen_within_a_second() {
    let fake = Fake::new();
    let mut stream = fake.stream(SERVICES);
    stream.added("acme", "a", 1, "");
    stream.bookmark(5, true);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    for version in (10..30).step_by(2) {
        let anew = fake.stream(SERVICES);
        anew.added("acme", "a", version, "");
        anew.bookmark(version + 1, true);
        let began = tokio::time::Instant::now();
        stream.error(410);
        assert_eq!(told(&next(&mut cluster).await), ["+Service acme/a"]);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        stream = anew;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_cut_off_changes_nothing_and_pages_are_tried_in_the_end() {
    let fake = Fake::new();
    fake.status(SERVICES, 500);
    for version in 2..5 {
        let cut = fake.stream(SERVICES);
        cut.added("acme", "partial", version, "");
        cut.say("{\"type\":\"ADDED\",\"object\":{\"metadata\":");
    }
    fake.text(SERVICES, &page(&[("a", 3)], 9, "more"));
    fake.text(SERVICES, &page(&[("b", 4)], 9, ""));
    let mut cluster = watch(&fake);
    assert_eq!(told(&next(&mut cluster).await), ["+Service acme/a", "+Service acme/b"]);
    let asked = fake.asked(SERVICES);
    assert_eq!(asked[4..6], ["limit=500", "limit=500&continue=more"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    nothing_for(&mut cluster, 10).await;
    assert!(fake.asked(SERVICES)[6].ends_with("&resourceVersion=9"), "{:?}", fake.asked(SERVICES));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_streamed_lists_is_asked_for_pages() {
    let fake = Fake::new();
    fake.status(SERVICES, 422);
    fake.text(SERVICES, &page(&[("a", 3)], 9, "more"));
    // It forgot where the page had ended: then all at once.
    fake.status(SERVICES, 410);
    fake.text(SERVICES, &page(&[("a", 3), ("b", 4)], 9, ""));
    let mut cluster = watch(&fake);
    assert_eq!(told(&next(&mut cluster).await), ["+Service acme/a", "+Service acme/b"]);
    assert_eq!(fake.asked(SERVICES)[3], "");
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_from_before_what_is_known_is_never_believed() {
    let fake = Fake::new();
    let before = fake.stream(SERVICES);
    before.added("acme", "a", 20, "");
    before.bookmark(25, true);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    for _ in 0..20 {
        fake.list(SERVICES, &[], 7);
    }
    before.error(410);
    nothing_for(&mut cluster, 90).await;
    let troubles = cluster.health().troubles();
    assert!(troubles[0].message.contains("older"), "{troubles:?}");
    assert!(cluster.health().staleness()[&Kind::Service] >= Duration::from_secs(89));
    // Once the server has caught up it is believed.
    nothing_for(&mut cluster, 300).await;
    for _ in 0..20 {
        fake.list(SERVICES, &[], 26);
    }
    assert_eq!(told(&next(&mut cluster).await), ["-Service acme/a"]);
}

#[tokio::test(start_paused = true)]
async fn a_restored_cluster_is_believed_after_some_time() {
    let fake = Fake::new();
    let before = fake.stream(SERVICES);
    before.added("acme", "a", 20, "");
    before.added("acme", "b", 21, "");
    before.bookmark(25, true);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    for _ in 0..4 {
        fake.list(SERVICES, &[("acme", "a", 4, "")], 7);
    }
    // The restored server does not know that its past was our future: it only says where it stands.
    before.bookmark(6, false);
    let batch = next(&mut cluster).await;
    assert_eq!(told(&batch), ["+Service acme/a", "-Service acme/b"]);
    assert_eq!(fake.asked(SERVICES).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_begun_anew_where_it_stood() {
    let fake = Fake::new();
    let silent = fake.stream(SERVICES);
    silent.bookmark(5, true);
    silent.added("acme", "a", 6, "");
    silent.bookmark(8, false);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    let awake = fake.stream(SERVICES);
    nothing_for(&mut cluster, 100).await;
    assert_eq!(fake.asked(SERVICES).len(), 1);
    assert!(cluster.health().staleness()[&Kind::Service] >= Duration::from_secs(99));
    nothing_for(&mut cluster, 60).await;
    assert!(fake.asked(SERVICES)[1].ends_with("&resourceVersion=8"));
    awake.deleted("acme", "a", 9);
    assert_eq!(told(&next(&mut cluster).await), ["-Service acme/a"]);
    assert!(cluster.health().staleness()[&Kind::Service] < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_everything_and_is_not_met_with_a_storm_of_requests() {
    let fake = Fake::new();
    let before = fake.stream(SERVICES);
    before.added("acme", "a", 2, "");
    before.bookmark(3, true);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    for _ in 0..1000 {
        fake.status(SERVICES, 503);
    }
    drop(before);
    nothing_for(&mut cluster, 600).await;
    let asked = fake.asked(SERVICES).len();
    assert!((60..=140).contains(&asked), "{asked}");
    assert_eq!(cluster.health().troubles()[0].message, "the API server answers 503");
    // It was heard all the time, and told nothing.
    assert!(cluster.health().staleness()[&Kind::Service] > Duration::from_secs(590));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_trickles_is_given_up_and_what_it_half_said_is_nothing() {
    let fake = Fake::new();
    let slow = fake.stream(SERVICES);
    slow.added("acme", "a", 2, "");
    slow.bookmark(3, true);
    let mut cluster = watch(&fake);
    next(&mut cluster).await;
    let awake = fake.stream(SERVICES);
    let trickle = tokio::spawn(async move {
        for byte in "{\"type\":\"DELETED\"".chars().chain(std::iter::repeat(' ')) {
            slow.say(&byte.to_string());
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    nothing_for(&mut cluster, 140).await;
    assert!(cluster.health().staleness()[&Kind::Service] >= Duration::from_secs(139));
    assert_eq!(fake.asked(SERVICES).len(), 1);
    nothing_for(&mut cluster, 20).await;
    assert!(fake.asked(SERVICES)[1].ends_with("&resourceVersion=3"));
    awake.deleted("acme", "a", 9);
    assert_eq!(told(&next(&mut cluster).await), ["-Service acme/a"]);
    trickle.abort();
}

#[tokio::test(start_paused = true)]
async fn a_list_that_trickles_is_given_up() {
    let fake = Fake::new();
    fake.status(SERVICES, 422);
    let slow = fake.stream(SERVICES);
    fake.text(SERVICES, &page(&[("a", 3)], 9, ""));
    let mut cluster = watch(&fake);
    let trickle = tokio::spawn(async move {
        loop {
            slow.say(" ");
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    });
    nothing_for(&mut cluster, 290).await;
    assert_eq!(told(&next(&mut cluster).await), ["+Service acme/a"]);
    trickle.abort();
}

#[tokio::test(start_paused = true)]
async fn an_outage_at_the_start_hands_nothing_over() {
    let fake = Fake::new();
    for _ in 0..1000 {
        fake.status(SERVICES, 503);
    }
    let mut cluster = watch(&fake);
    nothing_for(&mut cluster, 600).await;
    assert!(!cluster.is_complete());
}

/// A page of a list of Services.
fn page(objects: &[(&str, u64)], version: u64, next: &str) -> String {
    let items = objects.iter().map(|(name, version)| object("acme", name, *version, ""));
    let items = items.collect::<Vec<_>>().join(",");
    format!(
        r#"{{"metadata":{{"resourceVersion":"{version}","continue":"{next}"}},"items":[{items}]}}"#
    )
}
