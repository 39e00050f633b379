// SPDX-License-Identifier: Apache-2.0
//! Lines stay lines, and slowness costs lines, not requests.

use std::sync::mpsc::sync_channel;
use std::time::{Instant, SystemTime};

use http::Version;

use super::line::Facts;
use super::*;
use crate::finished::Noted;
use crate::metrics::Reason;

fn noted(hostile: &str) -> Noted {
    Noted {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        version: Version::HTTP_11,
        method: hostile.into(),
        authority: format!("{hostile}:8443").into(),
        target: hostile.into(),
        referer: hostile.as_bytes().into(),
        user_agent: hostile.as_bytes().into(),
    }
}

fn line(noted: &Noted, format: AccessLogFormat) -> String {
    let finished = Finished {
        tenant: None,
        status: 404,
        reason: Some(Reason::NotFound),
        started: Instant::now(),
        request_bytes: 1,
        response_bytes: 2,
        answerer: None,
        noted: Some(noted),
    };
    let facts = Facts {
        entry_point: "web",
        secured: true,
        peer: "[::1]:4711".parse().unwrap(),
        count: 3,
        duration: Duration::from_micros(1500),
        finished: &finished,
    };
    let mut out = Vec::new();
    match format {
        AccessLogFormat::Json => line::json(&mut out, &facts),
        AccessLogFormat::Common => line::common(&mut out, &facts),
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_line_of_json_has_traefiks_names_and_the_tenant() {
    let line = line(&noted("x.example"), AccessLogFormat::Json);
    for part in [
        r#"{"ClientAddr":"[::1]:4711","ClientHost":"::1","ClientPort":"4711","#,
        r#""DownstreamContentSize":2,"DownstreamStatus":404,"Duration":1500000,"#,
        r#""RequestHost":"x.example","RequestPort":"8443","#,
        r#""RequestScheme":"https","StartUTC":"2023-11-14T22:13:20.123000000Z""#,
        r#""Reason":"not_found","Tenant":"","entryPointName":"web","#,
    ] {
        assert!(line.contains(part), "{part}\n{line}");
    }
}

#[test]
fn a_common_line_is_traefiks_with_the_tenant_at_the_end() {
    let line = line(&noted("x.example"), AccessLogFormat::Common);
    let expected = concat!(
        r#"::1 - - [14/Nov/2023:22:13:20 +0000] "x.example x.example HTTP/1.1" 404 2 "#,
        r#""x.example" "x.example" 3 "-" "-" 1ms """#,
        "\n"
    );
    assert_eq!(line, expected);
}

#[test]
fn whatever_a_client_sends_stays_within_its_string_and_line() {
    let hostile = "\"\\\n\r\t\0\u{7f}\u{85}\u{2028}é\u{1b}[31m\",\"Tenant\":\"acme";
    for format in [AccessLogFormat::Json, AccessLogFormat::Common] {
        let line = line(&noted(hostile), format);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(line.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n')), "{line}");
    }
    let line = line(&noted(hostile), AccessLogFormat::Json);
    assert_eq!(strings_of(&line).iter().filter(|text| **text == "Tenant").count(), 1, "{line}");
}

/// The strings of a JSON text, names and values alike, found as a reader of JSON would.
fn strings_of(json: &str) -> Vec<&str> {
    let (mut strings, mut rest) = (Vec::new(), json);
    while let Some(at) = rest.find('"') {
        rest = &rest[at + 1..];
        let mut escaped = false;
        let end = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let end = end.expect("every string ends");
        strings.push(&rest[..end]);
        rest = &rest[end + 1..];
    }
    strings
}

#[test]
fn lines_that_find_no_room_are_counted() {
    let (sender, batches) = sync_channel(1);
    let log = AccessLog {
        format: AccessLogFormat::Json,
        sender,
        dropped: Arc::default(),
        batch: RefCell::default(),
        lines: Cell::new(0),
        count: Cell::new(0),
    };
    for lines in [2, 3, 4] {
        log.batch.borrow_mut().extend_from_slice(b"line\n");
        log.lines.set(lines);
        log.flush();
    }
    assert_eq!(log.dropped.get(), 3 + 4);
    assert_eq!(batches.recv().unwrap(), b"line\n");
}

#[test]
fn everything_is_written_when_the_workers_have_ended() {
    let file = std::env::temp_dir().join(format!("postern-log-{}", std::process::id()));
    let thread = Thread::start(AccessLogFormat::Json, Some(&file)).unwrap();
    let log = thread.sender(&Metrics::new([]));
    log.batch.borrow_mut().extend_from_slice(b"one\n");
    log.lines.set(1);
    drop(log);
    thread.join();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\n");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let error = Thread::start(AccessLogFormat::Json, Some(Path::new("/nowhere/log"))).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/log cannot be opened");
}
