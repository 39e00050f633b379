// SPDX-License-Identifier: Apache-2.0
//! The nearest key to one that does not exist.

use postern_api::edits;

use super::key::{Key, NAME};

/// The key that is nearest to what was written, if any is near enough to be what was meant.
pub(crate) fn nearest(segments: &[&str], keys: &[&Key]) -> Option<String> {
    let written = segments.join(".").to_ascii_lowercase();
    let candidates = keys.iter().map(|key| fill_in(key.path, segments));
    nearest_of(&written, candidates)
}

/// The candidate that is nearest to `written` (in lower case), if any is near enough to be what was meant.
pub(crate) fn nearest_of(
    written: &str,
    candidates: impl Iterator<Item = String>,
) -> Option<String> {
    // Beyond the longest key nothing is near, and the distance costs the product of the lengths.
    if written.len() > 120 {
        return None;
    }
    let enough = (written.len() / 4).max(2);
    candidates
        .map(|candidate| (edits(written, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(edits, _)| *edits <= enough)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The key's path with the name that was written at the same place.
fn fill_in(path: &str, segments: &[&str]) -> String {
    let mut given = segments.iter();
    let filled = path.split('.').map(|expected| {
        let written = given.next();
        if expected == NAME { written.copied().unwrap_or(expected) } else { expected }
    });
    filled.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_far_away_is_suggested() {
        assert_eq!(nearest_of("bananas", ["admin.address".to_owned()].into_iter()), None);
        let long = "x".repeat(100_000);
        assert_eq!(nearest_of(&long, [long.clone()].into_iter()), None);
    }
}
