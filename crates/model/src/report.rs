// SPDX-License-Identifier: Apache-2.0
//! What a compile has to say: findings by object, what of an object is served nowhere, and the claims that it settled.

use std::collections::BTreeMap;

use crate::claim::ClaimRecord;
use crate::finding::Finding;
use crate::host::HostPattern;
use crate::origin::ObjectKey;

/// The second result of a compile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By object, in a fixed order within one.
    pub findings: BTreeMap<ObjectKey, Vec<Finding>>,
    /// What of an object with routes is served nowhere.  These are the exceptions: of an object that is not here,
    /// every host is served.
    pub unserved: BTreeMap<ObjectKey, Unserved>,
    /// Claims that were newly made, released or transferred by this compile: to be recorded with
    /// [`crate::World::record`] before the next one.
    pub claims: Vec<ClaimRecord>,
}

/// Hosts of an object for which none of its rules leads anywhere: the tenant may not use them, their rules are closed,
/// or there is no entry point for them.
///
/// ```
/// use postern_model::{HostPattern, Unserved};
/// let lost = HostPattern::parse("a.test")?;
/// let unserved = Unserved::hosts([Some(lost.clone())]);
/// assert!(unserved.contains(Some(&lost)) && !unserved.contains(None));
/// assert!(Unserved::Everything.contains(None));
/// # Ok::<(), postern_model::InvalidHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// All of them.
    Everything,
    /// These and no others, in their order; `None` stands for the rules without a host.
    Hosts(Box<[Option<HostPattern>]>),
}

impl Unserved {
    /// These hosts; `None` stands for the rules without a host.
    pub fn hosts(hosts: impl IntoIterator<Item = Option<HostPattern>>) -> Self {
        let mut hosts: Vec<_> = hosts.into_iter().collect();
        hosts.sort_unstable();
        hosts.dedup();
        Self::Hosts(hosts.into())
    }

    /// Whether a host of the object is among them.
    pub fn contains(&self, host: Option<&HostPattern>) -> bool {
        match self {
            Self::Everything => true,
            // An author may write thousands.
            Self::Hosts(hosts) => hosts.binary_search_by(|other| other.as_ref().cmp(&host)).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_whatever_order_they_were_given() {
        let host = |text: &str| HostPattern::parse(text).ok();
        let all = ["b.test", "*.c.test", "a.test", "", "b.test", "*.a.test"].map(host);
        let unserved = Unserved::hosts(all.clone());
        assert!(all.iter().all(|host| unserved.contains(host.as_ref())));
        for other in ["c.test", "*.b.test"].map(host) {
            assert!(!unserved.contains(other.as_ref()));
        }
    }
}
