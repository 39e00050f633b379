// SPDX-License-Identifier: Apache-2.0
//! T-LOG-01, I8, I19, I23: one line for each request whatever a client sends, every line with the tenant that it
//! belongs to, and no credentials in any.

use std::path::Path;

use postern_serve::AccessLogFormat;
use postern_tests::patience::until;
use postern_tests::{EdgeBuilder, Raw};
use serde_json::Value;

use crate::pair::{A, B, Pair};

const HOSTILE: [&str; 8] = [
    "curl/8.0\" \"level\":\"error",
    "<script>alert(1)</script>",
    "a\tb",
    "${jndi:ldap://x}",
    "\u{202e}txet",
    "%0d%0aSet-Cookie: x",
    "\\u0000\\n\\r",
    "{\"a\":1}",
];

async fn lines(file: &Path, count: usize) -> Vec<String> {
    until("the access log's lines", || async {
        let text = std::fs::read(file).unwrap_or_default();
        let text = String::from_utf8(text).expect("the access log is UTF-8");
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

async fn logging(file: &Path, format: AccessLogFormat) -> Pair {
    let log = Some((format, Some(file.to_owned())));
    Pair::started(EdgeBuilder::new().config(|config| config.access_log = log)).await
}

async fn ask_with(pair: &Pair, text: &str) {
    let mut raw = Raw::clear(pair.edge.web()).await;
    raw.ask(format!(
        "GET /?q={} HTTP/1.1\r\nHost: {A}\r\nUser-Agent: {text}\r\nReferer: {text}\r\n\
         Authorization: Bearer sesame-open\r\nCookie: session=sesame-open\r\n\r\n",
        text.bytes().map(|b| format!("%{b:02X}")).collect::<String>()
    ))
    .await;
}

#[tokio::test]
async fn hostile_fields_make_one_json_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let pair = logging(&file, AccessLogFormat::Json).await;
    for text in HOSTILE {
        ask_with(&pair, text).await;
    }
    // Control characters in a field are no HTTP (RFC 9110, 5.5): refused, and one line as well.
    ask_with(&pair, "\x1b[31mred").await;
    pair.edge.get(&format!("https://{B}/")).expect(200).await;
    pair.edge.get(&format!("https://{A}/")).sni(B).expect(421).await;
    pair.edge.get("http://nobody.example.test/").expect(404).await;
    let expected = HOSTILE.len() + 4;
    let lines = lines(&file, expected).await;
    assert_eq!(lines.len(), expected, "{lines:#?}");
    let parsed: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect();
    let tenants: Vec<_> =
        parsed.iter().map(|line| line["Tenant"].as_str().unwrap_or_default()).collect();
    assert_eq!(tenants.iter().filter(|tenant| **tenant == "acme").count(), HOSTILE.len());
    // What globex's connection asked for is globex's line, whoever owns the name that it asked for.
    assert_eq!(tenants.iter().filter(|tenant| **tenant == "globex").count(), 2);
    assert!(!lines.concat().contains("sesame"), "credentials in the access log");
}

#[tokio::test]
async fn hostile_fields_make_one_common_line_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.log");
    let pair = logging(&file, AccessLogFormat::Common).await;
    for text in HOSTILE {
        ask_with(&pair, text).await;
    }
    let lines = lines(&file, HOSTILE.len()).await;
    assert_eq!(lines.len(), HOSTILE.len(), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("acme")), "{lines:#?}");
    assert!(lines.concat().bytes().all(|b| b >= 0x20), "control characters in the access log");
    assert!(!lines.concat().contains("sesame"), "credentials in the access log");
}
