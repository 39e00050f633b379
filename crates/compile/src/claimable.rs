// SPDX-License-Identifier: Apache-2.0
//! Names that no tenant can claim, because others depend on them: public suffixes, single labels, the cluster's own.

use postern_model::{Host, HostPattern};

/// Why a name cannot be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unclaimable {
    /// `localhost`, or `*.test`.
    #[error("a name of a single label, or a wildcard below one, cannot be claimed")]
    SingleLabel,
    /// `co.uk`, or `*.co.uk`.
    #[error("a public suffix, or a wildcard below one, cannot be claimed")]
    PublicSuffix,
    /// `cluster.local` and everything below it.
    #[error("names of the cluster's own zone cannot be claimed")]
    ClusterZone,
}

/// Whether a tenant may claim `pattern`, if nobody else has it.
pub(crate) fn claimable(pattern: &HostPattern) -> Result<(), Unclaimable> {
    let name = pattern.name();
    if name.parent().is_none() {
        return Err(Unclaimable::SingleLabel);
    }
    if is_cluster_zone(name) {
        return Err(Unclaimable::ClusterZone);
    }
    // An unlisted top-level domain has the rule `*` (publicsuffix.org, "Algorithm"): only its single label is public.
    if psl::suffix_str(name.as_str()) == Some(name.as_str()) {
        return Err(Unclaimable::PublicSuffix);
    }
    Ok(())
}

fn is_cluster_zone(name: &Host) -> bool {
    let above = name.as_str().strip_suffix("cluster.local");
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_depend_on_cannot_be_claimed() {
        for (text, expected) in [
            ("a.test", Ok(())),
            ("*.a.test", Ok(())),
            ("a.co.uk", Ok(())),
            ("*.a.co.uk", Ok(())),
            ("a.github.io", Ok(())),
            ("web.default.svc", Ok(())),
            ("notcluster.local", Ok(())),
            ("localhost", Err(Unclaimable::SingleLabel)),
            ("test", Err(Unclaimable::SingleLabel)),
            ("*.test", Err(Unclaimable::SingleLabel)),
            ("*.com", Err(Unclaimable::SingleLabel)),
            ("co.uk", Err(Unclaimable::PublicSuffix)),
            ("*.co.uk", Err(Unclaimable::PublicSuffix)),
            ("github.io", Err(Unclaimable::PublicSuffix)),
            ("cluster.local", Err(Unclaimable::ClusterZone)),
            ("web.default.svc.cluster.local", Err(Unclaimable::ClusterZone)),
            ("*.svc.cluster.local", Err(Unclaimable::ClusterZone)),
        ] {
            assert_eq!(claimable(&HostPattern::parse(text).unwrap()), expected, "{text}");
        }
    }
}
