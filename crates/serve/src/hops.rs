// SPDX-License-Identifier: Apache-2.0
//! How often a request has passed a Postern already (RFC 8586, `CDN-Loop`).
//!
//! A tenant may route to a load balancer that leads back here.  Each round would take two descriptors and begin the
//! next, until none is left for anybody.  So every request that is forwarded carries one mark more than it came with, no
//! client can take marks away (`Connection: CDN-Loop` does not), and one with too many is answered with 508.

use http::HeaderMap;
use http::header::HeaderName;

use crate::connection::Refusal;
use crate::http::fields::{members, trim};

/// The field, as it is written.
pub(crate) const FIELD: &str = "CDN-Loop";
/// The mark: the same in every installation, so that a loop through two of them is a loop as well.
pub(crate) const MARK: &[u8] = b"postern";
/// How often a request may pass.  The longest chains that are built on purpose have three (an edge, a cluster, a part
/// of it); a loop of this length costs 16 descriptors, for one tenant and for as long as its client waits.
const MOST_HOPS: usize = 8;

/// How many marks of ours one field's value has.
pub(crate) fn marks(value: &[u8]) -> usize {
    // RFC 8586, 2: `cdn-info = cdn-id *( OWS ";" OWS parameter )`.
    let is_ours = |member: &&[u8]| {
        let id = member.split(|byte| *byte == b';').next().map(trim);
        id.is_some_and(|id| id.eq_ignore_ascii_case(MARK))
    };
    members(value).filter(is_ours).count()
}

/// How many there are in all of a request's fields.
pub(crate) fn count(headers: &HeaderMap) -> usize {
    const NAME: HeaderName = HeaderName::from_static("cdn-loop");
    headers.get_all(NAME).iter().map(|value| marks(value.as_bytes())).sum()
}

/// Refuses a request that has passed too often.
pub(crate) fn check(hops: usize) -> Result<(), Refusal> {
    if hops < MOST_HOPS { Ok(()) } else { Err(Refusal::LoopDetected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_marks_are_counted_and_nobody_elses() {
        for (value, expected) in [
            (&b""[..], 0),
            (b"postern", 1),
            (b"Postern , POSTERN;v=1,postern ; a=\"b\"", 3),
            (b"cloudflare; loops=1, postern2, xpostern, a;postern", 0),
            (b",,postern,", 1),
        ] {
            assert_eq!(marks(value), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_chain_passes_and_a_loop_does_not() {
        let passed = |hops| check(hops).is_ok();
        assert!((0..MOST_HOPS).all(passed));
        assert!(!passed(MOST_HOPS));
    }
}
