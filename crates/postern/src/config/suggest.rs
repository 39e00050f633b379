// SPDX-License-Identifier: Apache-2.0
//! The nearest key to one that does not exist.

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
        .map(|candidate| (distance(written, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= enough)
        .min_by_key(|(distance, _)| *distance)
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

/// How many letters must be put, taken, changed or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_slips_of_the_finger() {
        assert_eq!(distance("address", "address"), 0);
        assert_eq!(distance("adress", "address"), 1);
        assert_eq!(distance("adderss", "address"), 1);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn nothing_far_away_is_suggested() {
        assert_eq!(nearest_of("bananas", ["admin.address".to_owned()].into_iter()), None);
        let long = "x".repeat(100_000);
        assert_eq!(nearest_of(&long, [long.clone()].into_iter()), None);
    }
}
