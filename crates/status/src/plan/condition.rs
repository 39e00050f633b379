// SPDX-License-Identifier: Apache-2.0
//! Conditions: what they say, and since when.

use jiff::Timestamp;
use postern_api::crd::{Condition, ConditionStatus};

/// The longest message of a condition.
const LONGEST: usize = 32_768;

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: ConditionStatus,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Told {
    /// It is so.
    pub(crate) fn yes(reason: &str, message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::True, reason: reason.to_owned(), message: message.into() }
    }

    /// It is not so.
    pub(crate) fn no(reason: &str, message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::False, reason: reason.to_owned(), message: message.into() }
    }

    /// As a condition of an object that had those conditions before: the time is that of the last change of its status.
    pub(crate) fn into_condition(
        self,
        kind: &str,
        before: &[Condition],
        generation: Option<i64>,
        now: Timestamp,
    ) -> Condition {
        let before = before.iter().find(|condition| condition.kind == kind);
        let same = before.filter(|condition| condition.status == self.status);
        Condition {
            kind: kind.to_owned(),
            status: self.status,
            reason: self.reason,
            message: shortened(self.message, LONGEST),
            last_transition_time: same
                .map_or_else(|| seconds(now), |condition| condition.last_transition_time.clone()),
            observed_generation: generation,
        }
    }
}

/// A time as Kubernetes writes it, in whole seconds.
pub(crate) fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// The same, from a time of ours.
pub(crate) fn text(time: postern_model::Timestamp) -> String {
    Timestamp::from_second(time.0).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// At most that many bytes of a text, cut between characters.
pub(crate) fn shortened(mut text: String, most: usize) -> String {
    const MORE: &str = "...";
    if text.len() > most {
        let mut end = most.saturating_sub(MORE.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(MORE);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_changes_only_when_the_status_does() {
        let generation = Some(3);
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = Told::yes("Ready", "fine").into_condition("Ready", &[], generation, at(10));
        assert_eq!(first.last_transition_time, "1970-01-01T00:00:10Z");
        let before = [first];
        let again =
            Told::yes("Ready", "still").into_condition("Ready", &before, generation, at(20));
        assert_eq!(again.last_transition_time, "1970-01-01T00:00:10Z");
        let broken = Told::no("Gone", "no").into_condition("Ready", &before, generation, at(30));
        assert_eq!(broken.last_transition_time, "1970-01-01T00:00:30Z");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("äääää".to_owned(), 8), "ää...");
        assert_eq!(shortened("short".to_owned(), 8), "short");
    }
}
