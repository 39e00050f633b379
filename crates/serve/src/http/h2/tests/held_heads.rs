// SPDX-License-Identifier: Apache-2.0
//! Heads that wait for an answer take memory, however few bytes they were on the wire.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::*;

/// A request whose head takes 64 KiB, and little more than a hundred bytes on the wire when it is sent again.
fn large() -> Request<()> {
    let value = "v".repeat(400);
    let request = Request::get("http://a.test/");
    let request = (0..128).fold(request, |request, _| request.header("x", &value));
    request.body(()).unwrap()
}

/// So many of them fit into what a connection may hold.
const FIT: usize = 15;

/// acme's backend says nothing, globex's answers.
async fn stage() -> Stage {
    let silent = Backend::new().await;
    let stage = Stage::new(&[
        Site::new("acme", "a.test").backend(silent.address()),
        Site::new("globex", "b.test").backend(Backend::new().await.echo_heads()),
    ]);
    spawn_local(async move {
        let mut all = Vec::new();
        loop {
            all.push(silent.accept().await);
        }
    });
    stage
}

async fn begin(client: &Client, count: usize) -> FuturesUnordered<ResponseFuture> {
    let waiting = FuturesUnordered::new();
    for _ in 0..count {
        waiting.push(client.begin(large()).await);
    }
    waiting
}

async fn refused(waiting: &mut FuturesUnordered<ResponseFuture>, count: usize) {
    for _ in 0..count {
        let answer = waiting.next().await.unwrap().unwrap();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "1");
    }
}

#[test]
fn the_heads_of_one_connection_have_a_limit_together() {
    on_a_worker(async {
        let stage = stage().await;
        let (one, two) = (stage.clear().await, stage.clear().await);
        let mut waiting = begin(&one, FIT + 5).await;
        refused(&mut waiting, 5).await;
        let others = begin(&two, FIT).await;
        assert_eq!(one.get("http://b.test/").await.status, 200, "a small one still fits");
        assert_eq!(two.get("http://b.test/").await.status, 200);
        assert_eq!((waiting.len(), others.len()), (FIT, FIT));
        // The room is there again when the requests are gone.
        drop(waiting);
        assert_eq!(one.get("http://b.test/").await.status, 200);
        let mut waiting = begin(&one, FIT + 1).await;
        refused(&mut waiting, 1).await;
        assert!(
            stage.counted("postern_refusals_total{tenant=\"acme\",reason=\"too_many_requests\"} 6")
        );
    });
}

#[test]
fn so_have_those_of_one_tenant_on_all_its_connections() {
    on_a_worker(async {
        let stage = stage().await;
        let mut all = Vec::new();
        for _ in 0..36 {
            let client = stage.clear().await;
            let waiting = begin(&client, FIT).await;
            assert_eq!(client.get("http://b.test/").await.status, 200, "others are served");
            all.push((client, waiting));
        }
        // 32 MiB are 511 of them.
        let (_, last) = all.last_mut().unwrap();
        refused(last, FIT).await;
    });
}

#[test]
fn a_long_target_is_part_of_its_head() {
    on_a_worker(async {
        let stage = stage().await;
        let client = stage.clear().await;
        let mut waiting = FuturesUnordered::new();
        for number in 0..40 {
            let long = "l".repeat(50_000);
            let target = if number % 2 == 0 { long } else { format!("?{long}") };
            let request = Request::get(format!("http://a.test/{target}")).body(()).unwrap();
            waiting.push(client.begin(request).await);
        }
        let answer = tokio::time::timeout(std::time::Duration::from_secs(5), waiting.next()).await;
        assert_eq!(answer.expect("one is refused").unwrap().unwrap().status(), 429);
        assert_eq!(client.get("http://b.test/").await.status, 200, "a small one still fits");
    });
}
