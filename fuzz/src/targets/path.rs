// SPDX-License-Identifier: Apache-2.0
//! Any bytes as a request path.

use postern_model::path::normalize;

/// What is matched is what is forwarded, and no dot segment survives (I13).
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(normal) = normalize(text) else { return };
    let again = normalize(&normal).expect("a normal path is a path");
    assert_eq!(again, normal, "normal form is not idempotent");
    let rest = normal.strip_prefix('/').expect("a normal path begins with a slash");
    let inner = rest.strip_suffix('/').unwrap_or(rest);
    for segment in inner.split('/') {
        assert!(segment != "." && segment != "..", "a dot segment in {normal:?}");
        assert!(!segment.is_empty() || rest.is_empty(), "an empty segment in {normal:?}");
    }
    assert!(normal.len() <= text.len(), "the path grew");
}
