// SPDX-License-Identifier: Apache-2.0
//! Prometheus' text format, version 0.0.4.

use std::fmt::Write;
use std::sync::Arc;

use super::counter::{BUCKETS, CLASSES, Counter, Handshake, Protocol, Reason, Shed, Upstream};
use super::worker::{AtEntryPoint, TenantAtEntryPoint, TenantCounters, WorkerCounters};

/// What does not depend on tenants.
pub(super) fn workers(
    out: &mut String,
    entry_points: &[Arc<str>],
    workers: &[Arc<WorkerCounters>],
) {
    head(out, "postern_open_connections", "gauge", "Client connections that are open.");
    each(out, entry_points, |out, index, name| {
        for protocol in Protocol::ALL {
            let open = |at: &AtEntryPoint| at.open[*protocol as usize].get();
            let labels = [("entrypoint", name), ("protocol", protocol.label())];
            // Gauges of single workers never fall below zero, so neither does the sum.
            series(out, "postern_open_connections", &labels, sum(workers, index, open));
        }
    });
    let connections = "postern_connections_total";
    head(out, connections, "counter", "Client connections that were accepted.");
    each(out, entry_points, |out, index, name| {
        let accepted = sum(workers, index, |at| at.accepted.get());
        series(out, connections, &[("entrypoint", name)], accepted);
    });
    head(
        out,
        DURATION,
        "histogram",
        "From the first byte of a request to the last of its answer, in seconds.",
    );
    each(out, entry_points, |out, index, name| histogram(out, name, workers, index));
    let panics: u64 = workers.iter().map(|worker| worker.panics.get()).sum();
    head(out, "postern_panics_total", "counter", "Connections that ended in a panic.");
    series(out, "postern_panics_total", &[], panics);
    let errors: u64 = workers.iter().map(|worker| worker.accept_errors.get()).sum();
    head(out, "postern_accept_errors_total", "counter", "Connections that could not be accepted.");
    series(out, "postern_accept_errors_total", &[], errors);
    let name = "postern_connections_shed_total";
    head(out, name, "counter", "Client connections that were closed because there was no room.");
    for why in Shed::ALL {
        let shed: u64 = workers.iter().map(|worker| worker.shed[*why as usize].get()).sum();
        series(out, name, &[("reason", why.label())], shed);
    }
}

/// What is counted for each tenant.
pub(super) fn tenants(out: &mut String, entry_points: &[Arc<str>], tenants: &[TenantCounters]) {
    let requests = "postern_requests_total";
    head(out, requests, "counter", "Requests that were answered.");
    at_entry_points(out, entry_points, tenants, |out, labels, at| {
        counted(out, requests, labels, "code", CLASSES.iter().copied().zip(&at.requests));
    });
    let handshakes = "postern_handshakes_total";
    head(out, handshakes, "counter", "TLS handshakes with clients.");
    at_entry_points(out, entry_points, tenants, |out, labels, at| {
        let labelled = Handshake::ALL.iter().map(|result| result.label());
        counted(out, handshakes, labels, "result", labelled.zip(&at.handshakes));
    });
    let misdirected = "postern_misdirected_total";
    head(out, misdirected, "counter", "Requests that were answered with 421.");
    for tenant in tenants {
        let reasons = [Reason::Misdirected, Reason::Revoked];
        let count: u64 = reasons.iter().map(|reason| tenant.reasons[*reason as usize].get()).sum();
        series(out, misdirected, &[("tenant", &tenant.tenant)], count);
    }
    let refusals = "postern_refusals_total";
    head(out, refusals, "counter", "Requests and handshakes that Postern answered by itself.");
    for tenant in tenants {
        let labelled = Reason::ALL.iter().map(|reason| reason.label());
        counted(
            out,
            refusals,
            &[("tenant", &tenant.tenant)],
            "reason",
            labelled.zip(&tenant.reasons),
        );
    }
    let upstream = "postern_upstream_events_total";
    head(out, upstream, "counter", "What happened on connections to backends.");
    for tenant in tenants {
        let labelled = Upstream::ALL.iter().map(|event| event.label());
        counted(
            out,
            upstream,
            &[("tenant", &tenant.tenant)],
            "event",
            labelled.zip(&tenant.upstream),
        );
    }
}

/// Lines that the access log had no room for.
pub(super) fn log_dropped(out: &mut String, dropped: u64) {
    let name = "postern_access_log_dropped_total";
    head(out, name, "counter", "Access log lines that were dropped because the log was slow.");
    series(out, name, &[], dropped);
}

const DURATION: &str = "postern_request_duration_seconds";

fn histogram(out: &mut String, name: &str, workers: &[Arc<WorkerCounters>], index: usize) {
    let mut buckets = [0; BUCKETS.len() + 1];
    let mut microseconds = 0;
    for worker in workers {
        let (counts, sum) = worker.entry_points[index].durations.get();
        buckets.iter_mut().zip(counts).for_each(|(bucket, count)| *bucket += count);
        microseconds += sum;
    }
    let bounds = BUCKETS.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]);
    let mut below = 0;
    for (bound, count) in bounds.zip(buckets) {
        below += count;
        let labels = [("entrypoint", name), ("le", &bound)];
        series(out, "postern_request_duration_seconds_bucket", &labels, below);
    }
    let labels = [("entrypoint", name)];
    series(out, "postern_request_duration_seconds_sum", &labels, seconds(microseconds));
    series(out, "postern_request_duration_seconds_count", &labels, below);
}

/// Without a detour through floating point.
fn seconds(microseconds: u64) -> String {
    let text = format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn at_entry_points(
    out: &mut String,
    entry_points: &[Arc<str>],
    tenants: &[TenantCounters],
    write: impl Fn(&mut String, &[(&str, &str)], &TenantAtEntryPoint),
) {
    for tenant in tenants {
        for (name, at) in entry_points.iter().zip(&tenant.entry_points) {
            write(out, &[("entrypoint", name), ("tenant", &tenant.tenant)], at);
        }
    }
}

/// Series that never counted anything are left out: a thousand tenants have ten thousand of them.
fn counted<'a>(
    out: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    label: &str,
    counters: impl Iterator<Item = (&'static str, &'a Counter)>,
) {
    for (value, counter) in counters {
        if counter.get() > 0 {
            let mut all = labels.to_vec();
            all.push((label, value));
            series(out, name, &all, counter.get());
        }
    }
}

fn each(out: &mut String, names: &[Arc<str>], write: impl Fn(&mut String, usize, &str)) {
    for (index, name) in names.iter().enumerate() {
        write(out, index, name);
    }
}

fn sum(
    workers: &[Arc<WorkerCounters>],
    entry_point: usize,
    count: impl Fn(&AtEntryPoint) -> u64,
) -> u64 {
    workers.iter().map(|worker| count(&worker.entry_points[entry_point])).sum()
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn series(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    out.push_str(name);
    for (position, (label, text)) in labels.iter().enumerate() {
        out.push(if position == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        escape(out, text);
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}
