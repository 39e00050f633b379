// SPDX-License-Identifier: Apache-2.0
//! I23, T-DOS-17: a refusal is counted for the tenant on whose connection it happened, and what strangers invent makes no
//! new series.

use crate::pair::{A, B, Pair};

fn metrics(pair: &Pair) -> String {
    let mut text = String::new();
    pair.edge.served().metrics().encode(&mut text);
    text
}

#[tokio::test]
async fn misdirected_requests_are_counted_for_the_connections_tenant() {
    let pair = Pair::start().await;
    for _ in 0..3 {
        pair.edge.get(&format!("https://{A}/")).sni(B).expect(421).await;
    }
    pair.edge.get(&format!("https://{B}/")).sni(A).http2().expect(421).await;
    let text = metrics(&pair);
    for (tenant, count) in [("globex", "3"), ("acme", "1")] {
        let label = format!("tenant=\"{tenant}\"");
        let counted = text.lines().any(|line| {
            line.starts_with("postern_misdirected_total")
                && line.contains(&label)
                && line.ends_with(&format!(" {count}"))
        });
        assert!(counted, "{tenant}: {text}");
    }
}

#[tokio::test]
async fn hosts_that_nobody_owns_make_no_series() {
    let pair = Pair::start().await;
    let mut raw = postern_tests::Raw::clear(pair.edge.web()).await;
    raw.get("first.example.test", "/").await.is(404);
    let before = metrics(&pair).lines().count();
    for number in 0..500 {
        let host = format!("h{number}.example.test");
        raw.get(&host, &format!("/{number}")).await.is(404);
        if number % 50 == 0 {
            assert!(pair.edge.tls().sni(&host).connect().await.is_err());
        }
    }
    let text = metrics(&pair);
    assert!(text.lines().count() <= before + 8, "{text}");
    assert!(!text.contains("h499"));
}
