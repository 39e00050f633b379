// SPDX-License-Identifier: Apache-2.0
//! Why a text is not what it should be, without quoting it: it may be a private key (I8).

/// A problem, and the line on which it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The 1-based line in the text that was read.
    pub(crate) line: u32,
    /// What is wrong, without any value of the text.
    pub(crate) message: String,
}

/// The longest message: more would not help.
const MAX_MESSAGE: usize = 200;

impl Fault {
    pub(super) fn new(line: u64, message: &str) -> Self {
        let line = u32::try_from(line).unwrap_or(u32::MAX).max(1);
        Self { line, message: without_values(message) }
    }
}

/// serde's "invalid type: string "hunter2", expected a map" without what was found.
fn without_values(message: &str) -> String {
    let quoting = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    let message = match message.rsplit_once(", expected ") {
        Some((found, expected)) if quoting.iter().any(|start| found.starts_with(start)) => {
            format!("expected {expected}")
        }
        _ => message.to_owned(),
    };
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_quotes_a_value() {
        let message = r#"invalid type: string "hunter2, expected", expected a map"#;
        assert_eq!(Fault::new(0, message), Fault { line: 1, message: "expected a map".into() });
    }
}
