// SPDX-License-Identifier: Apache-2.0
//! Label selectors in Kubernetes' spelling (k8s.io/apimachinery `labels.Parse`): `app=shop, tier!=test, zone in (a, b),
//! !old, weight>3`.

use std::collections::BTreeSet;
use std::fmt;

use parser::Parser;

mod parser;

/// Selects objects by their labels: all requirements must hold.  Without any, it selects everything.
///
/// ```
/// use postern_model::LabelSelector;
/// let selector = LabelSelector::parse("app in (shop, blog), !old")?;
/// assert!(selector.selects(|name| (name == "app").then_some("shop")));
/// assert!(!selector.selects(|_| Some("shop")), "it is old");
/// assert!(LabelSelector::parse("app in (").is_err());
/// # Ok::<(), postern_model::InvalidSelector>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

/// What one label must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    label: String,
    demand: Demand,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Demand {
    /// It is there and has one of these values.
    In(BTreeSet<String>),
    /// It has none of these values, or is not there.
    NotIn(BTreeSet<String>),
    /// It is there.
    Exists,
    /// It is not there.
    Absent,
    /// It is a larger number.
    Greater(i64),
    /// It is a smaller number.
    Less(i64),
}

/// Why a text is no label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelector {
    /// Something stands where something else must.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// As written.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A name that no label can have.
    #[error("{name:?} is no name of a label")]
    Name {
        /// As written.
        name: String,
    },
    /// A value that no label can have.
    #[error("{value:?} is no value of a label")]
    Value {
        /// As written.
        value: String,
    },
    /// Something else than a number is compared.
    #[error("{value:?} is no whole number to compare with")]
    Number {
        /// As written.
        value: String,
    },
    /// A set without values.
    #[error("the set of values for {name:?} is empty")]
    Empty {
        /// The label.
        name: String,
    },
}

impl LabelSelector {
    /// Reads a selector; refuses what the API server refuses.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        Parser::new(text).selector().map(Self)
    }

    /// Whether an object is selected whose labels have the values that `value_of` tells by name.
    pub fn selects<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| requirement.demand.holds(value_of(&requirement.label)))
    }
}

impl Demand {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::Greater(limit) => number().is_some_and(|number| number > *limit),
            Self::Less(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Requirement { label, demand }) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            // One value may be empty, and a set with nothing between its parentheses is none.
            let set = |values: &BTreeSet<String>, one: &str, many: &str| {
                let listed = values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
                match values.len() {
                    1 => format!("{label}{one}{listed}"),
                    _ => format!("{label} {many} ({listed})"),
                }
            };
            match demand {
                Demand::In(values) => f.write_str(&set(values, "=", "in")),
                Demand::NotIn(values) => f.write_str(&set(values, "!=", "notin")),
                Demand::Exists => f.write_str(label),
                Demand::Absent => write!(f, "!{label}"),
                Demand::Greater(limit) => write!(f, "{label}>{limit}"),
                Demand::Less(limit) => write!(f, "{label}<{limit}"),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
