// SPDX-License-Identifier: Apache-2.0
//! Sums, retirement and escaping.

use std::time::Duration;

use postern_model::EntryPointId;

use super::*;

const WEB: EntryPointId = EntryPointId(0);

fn text(metrics: &Metrics) -> String {
    let mut out = String::new();
    metrics.encode(&mut out);
    out
}

fn has(metrics: &Metrics, line: &str) -> bool {
    text(metrics).lines().any(|l| l == line)
}

fn requests(tenant: &TenantCounters, status: u16, count: usize) {
    (0..count).for_each(|_| tenant.answered(WEB, status));
}

#[test]
fn workers_are_summed() {
    let metrics = Metrics::new(["web".into()]);
    let (one, two) = (metrics.register_tenant(&"a".into()), metrics.register_tenant(&"a".into()));
    requests(&one, 200, 3);
    requests(&two, 204, 4);
    requests(&two, 999, 1);
    let line = "postern_requests_total{entrypoint=\"web\",tenant=\"a\",code=\"2xx\"} 7";
    assert!(has(&metrics, line), "{}", text(&metrics));
    let line = "postern_requests_total{entrypoint=\"web\",tenant=\"a\",code=\"other\"} 1";
    assert!(has(&metrics, line), "{}", text(&metrics));
}

#[test]
fn a_sum_does_not_fall_when_one_worker_forgets_a_tenant_and_ends_when_all_have() {
    let metrics = Metrics::new(["web".into()]);
    let (one, two) = (metrics.register_tenant(&"a".into()), metrics.register_tenant(&"a".into()));
    requests(&one, 200, 3);
    requests(&two, 200, 4);
    metrics.retire(&one);
    let line = "postern_requests_total{entrypoint=\"web\",tenant=\"a\",code=\"2xx\"} 7";
    assert!(has(&metrics, line));
    metrics.retire(&two);
    assert!(!text(&metrics).contains("tenant=\"a\""));
}

#[test]
fn a_connection_is_open_until_it_is_dropped() {
    let metrics = Metrics::new(["web".into()]);
    let worker = metrics.register_worker();
    let mut open = worker.open(WEB);
    let line = |protocol: &str, count: u32| {
        format!("postern_open_connections{{entrypoint=\"web\",protocol=\"{protocol}\"}} {count}")
    };
    assert!(has(&metrics, &line("opening", 1)));
    open.speaks(Protocol::Http2);
    assert!(has(&metrics, &line("opening", 0)));
    assert!(has(&metrics, &line("h2", 1)));
    drop(open);
    assert!(has(&metrics, &line("h2", 0)));
    assert!(has(&metrics, "postern_connections_total{entrypoint=\"web\"} 1"));
}

#[test]
fn durations_fall_into_buckets_that_add_up() {
    let metrics = Metrics::new(["web".into()]);
    let worker = metrics.register_worker();
    for microseconds in [1, 500, 501, 60_000_000] {
        worker.at(WEB).durations.observe(Duration::from_micros(microseconds));
    }
    let bucket = |le: &str, count: u32| {
        let name = "postern_request_duration_seconds_bucket";
        has(&metrics, &format!("{name}{{entrypoint=\"web\",le=\"{le}\"}} {count}"))
    };
    assert!(bucket("0.0005", 2), "{}", text(&metrics));
    assert!(bucket("0.001", 3) && bucket("10", 3) && bucket("+Inf", 4));
    assert!(has(&metrics, "postern_request_duration_seconds_sum{entrypoint=\"web\"} 60.001002"));
}

#[test]
fn labels_cannot_break_out_of_their_quotes() {
    let metrics = Metrics::new(["we\"b\\\n".into()]);
    metrics.register_worker();
    let line = "postern_connections_total{entrypoint=\"we\\\"b\\\\\\n\"} 0";
    assert!(has(&metrics, line), "{}", text(&metrics));
}
