// SPDX-License-Identifier: Apache-2.0
//! How far a name is from another: what is misspelt must not go unnoticed, and its author is told what was meant.

/// How many letters may differ.
const EDITS: usize = 2;

/// Whether at most two letters have to be put, taken or changed to make one name the other, in any case.
///
/// ```
/// assert!(postern_api::is_nearly("router.middlwares", "router.middlewares"));
/// assert!(!postern_api::is_nearly("router.priority", "router.middlewares"));
/// ```
pub fn is_nearly(a: &str, b: &str) -> bool {
    within(a.as_bytes(), b.as_bytes(), EDITS)
}

/// Takes time in proportion to the length of the shorter one.
fn within(a: &[u8], b: &[u8], edits: usize) -> bool {
    if a.len().abs_diff(b.len()) > edits {
        return false;
    }
    // What begins alike need not be edited.
    let same = a.iter().zip(b).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    let (a, b) = (&a[same..], &b[same..]);
    let ([_, after_a @ ..], [_, after_b @ ..]) = (a, b) else { return true };
    let Some(left) = edits.checked_sub(1) else { return false };
    within(after_a, after_b, left) || within(after_a, b, left) || within(a, after_b, left)
}

/// How many letters must be put, taken, changed or swapped with their neighbour to make one name the other (optimal
/// string alignment).  It takes time in proportion to the product of the lengths: bound what comes from outside first.
///
/// ```
/// assert_eq!(postern_api::edits("adderss", "address"), 1);
/// assert_eq!(postern_api::edits("", "abc"), 3);
/// ```
pub fn edits(a: &str, b: &str) -> usize {
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

    /// Wagner and Fischer's algorithm.
    fn distance(a: &str, b: &str) -> usize {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, left) in a.iter().enumerate() {
            let mut diagonal = std::mem::replace(&mut row[0], i + 1);
            for (j, right) in b.iter().enumerate() {
                let changed = diagonal + usize::from(left != right);
                diagonal = row[j + 1];
                row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
            }
        }
        row[b.len()]
    }

    #[test]
    fn nearness_is_a_distance_of_two_at_most() {
        let mut words = vec![String::new()];
        for length in 0..5 {
            let longest: Vec<_> = words.iter().filter(|w| w.len() == length).cloned().collect();
            words.extend(longest.iter().flat_map(|w| ["a", "b"].map(|c| format!("{w}{c}"))));
        }
        for a in &words {
            for b in &words {
                assert_eq!(is_nearly(a, b), distance(a, b) <= 2, "{a} {b}");
            }
        }
    }

    #[test]
    fn edits_count_slips_of_the_finger() {
        let pairs =
            [("address", "address", 0), ("adress", "address", 1), ("adderss", "address", 1)];
        for (a, b, slips) in pairs.into_iter().chain([("ab", "ba", 1), ("", "abc", 3)]) {
            assert_eq!(edits(a, b), slips, "{a} {b}");
        }
    }

    #[test]
    fn letters_in_another_case_are_the_same() {
        assert!(is_nearly("Router.MiddleWares", "router.middlewares"));
        assert!(!is_nearly("router.middl", "router.middlewares"));
    }
}
