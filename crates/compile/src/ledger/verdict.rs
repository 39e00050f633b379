// SPDX-License-Identifier: Apache-2.0
//! The ledger's answer, and its words: they name nobody (W7).

use std::fmt;

use crate::claimable::Unclaimable;
use crate::notice::{self, Notice};

/// What the ledger says about a tenant's use of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the tenant's, since that epoch.
    Owned { epoch: u64 },
    /// It is another tenant's.
    NotOwned,
    /// It was given up a short while ago.
    Quarantined,
    /// Nobody may have it.
    Unclaimable(Unclaimable),
    /// It is nobody's, and the tenant may claim no more than so many names.
    LimitReached { limit: u32 },
    /// It may be part of a domain that cannot be read.
    Withheld,
}

impl Verdict {
    /// How the author of a refused use is told; nothing where it is not refused.
    pub(crate) fn notice(self) -> Option<Notice> {
        match self {
            Self::Owned { .. } => None,
            Self::NotOwned => Some(notice::HOST_NOT_OWNED),
            Self::Quarantined => Some(notice::HOST_QUARANTINED),
            Self::Unclaimable(_) => Some(notice::HOST_INVALID),
            Self::LimitReached { .. } => Some(notice::CLAIM_LIMIT_REACHED),
            Self::Withheld => Some(notice::HOST_WITHHELD),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned { .. } => f.write_str("the hostname is the tenant's own"),
            Self::NotOwned => f.write_str(notice::NOT_OWNED_TEXT),
            Self::Quarantined => f.write_str(notice::QUARANTINED_TEXT),
            Self::Unclaimable(reason) => write!(f, "{reason}"),
            Self::LimitReached { limit } => {
                write!(f, "the tenant may hold {limit} hostnames, and it holds as many")
            }
            Self::Withheld => f.write_str(notice::WITHHELD_TEXT),
        }
    }
}
