// SPDX-License-Identifier: Apache-2.0
//! What came out, as YAML that is pleasant to review: what is served, what is said, who holds what.

use std::fmt::Write;

use postern_model::{ClaimRecord, ClaimState, Finding};
use postern_snapshot::Snapshot;
use postern_tests::Declared;
use serde_json::Value;

/// Everything.
pub(crate) fn result(declared: &Declared, snapshot: &Snapshot) -> String {
    let settings = declared.world().settings();
    let mut out = String::new();
    let rendered = snapshot.render(&settings.entry_points);
    section(&mut out, "snapshot", rendered["hosts"].as_array().map_or(&[], Vec::as_slice));
    let findings: Vec<Value> = declared.findings().iter().map(|f| finding(f, declared)).collect();
    section(&mut out, "findings", &findings);
    let claims: Vec<Value> = declared.world().claims().values().map(claim).collect();
    section(&mut out, "claims", &claims);
    out
}

fn section(out: &mut String, name: &str, entries: &[Value]) {
    if entries.is_empty() {
        let _ = writeln!(out, "{name}: []");
        return;
    }
    let _ = writeln!(out, "{name}:");
    for entry in entries {
        write_entry(out, entry, 0);
    }
}

/// A list's entry: a mapping with one line for each key, lists of mappings indented below.
fn write_entry(out: &mut String, entry: &Value, depth: usize) {
    let Some(fields) = entry.as_object() else {
        let _ = writeln!(out, "{}- {entry}", "  ".repeat(depth));
        return;
    };
    for (position, (key, value)) in ordered(fields).into_iter().enumerate() {
        let lead = if position == 0 { "- " } else { "  " };
        let _ = write!(out, "{}{lead}{key}:", "  ".repeat(depth));
        match value {
            Value::Array(list) if list.iter().any(Value::is_object) => {
                out.push('\n');
                list.iter().for_each(|entry| write_entry(out, entry, depth + 1));
            }
            other => {
                let _ = writeln!(out, " {}", flow(other));
            }
        }
    }
}

/// What a reader looks for first comes first.
fn ordered(fields: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    const FIRST: [&str; 8] =
        ["host", "reason", "path", "tenant", "severity", "object", "field", "message"];
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| rank(key));
    // The routes of a host are long, so they come last.
    fields.sort_by_key(|(key, _)| *key == "routes");
    fields
}

fn flow(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}: {}", flow(v))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a text may stand in YAML without quotes, in block and flow alike.
fn is_plain(text: &str) -> bool {
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let harmless = |c: char| c.is_ascii_alphanumeric() || " /.-_()`=@;".contains(c);
    letter
        && text.chars().all(harmless)
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no"].contains(&text)
}

fn finding(finding: &Finding, declared: &Declared) -> Value {
    let root = format!("{}/", declared.path().display());
    let place = finding.origin.place.as_ref().map(|place| place.to_string().replace(&root, ""));
    serde_json::json!({
        "reason": finding.reason.to_string(),
        "severity": format!("{:?}", finding.severity),
        "object": finding.origin.key.to_string().replace(&root, ""),
        "field": &*finding.field,
        "message": finding.message.replace(&root, ""),
        "remedy": finding.remedy,
        "place": place,
    })
}

fn claim(claim: &ClaimRecord) -> Value {
    let state = match claim.state {
        ClaimState::Held => "held".to_owned(),
        ClaimState::Released(at) => format!("released at {}", at.0),
    };
    serde_json::json!({
        "host": claim.pattern.to_string(),
        "namespace": &*claim.namespace,
        "uid": claim.namespace_uid.as_deref(),
        "epoch": claim.epoch,
        "state": state,
    })
}
