// SPDX-License-Identifier: Apache-2.0
//! How many files and sockets this process may have open, and what of that is one tenant's share.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is counted with where there is no limit: the kernel's own (`fs.nr_open`) is this unless it was changed.
const UNLIMITED: u64 = 1 << 20;
/// A request holds its client's connection and its backend's.
const OF_A_REQUEST: u64 = 2;
/// The part of all descriptors that idle connections to backends may hold.
const IDLE: u64 = 4;
/// Logs, certificates that are read, the admin server, connections to an API server; and those of clients that have just
/// been told to go.
const OF_THE_PROCESS: u64 = 128;
/// The part of all descriptors that the requests of one tenant may hold.
const SHARE: u64 = 4;

/// Raises the limit to the highest that is allowed, as programs in Go do: the low default is for programs that use
/// `select`.  Returns what it is then.
pub(crate) fn raise_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    now.unwrap_or(UNLIMITED).min(UNLIMITED)
}

/// How many requests one tenant may have in flight with so many descriptors.
pub(crate) fn fair_share(descriptors: u64) -> u32 {
    let requests = descriptors / OF_A_REQUEST / SHARE;
    u32::try_from(requests).unwrap_or(u32::MAX).max(1)
}

/// How many client connections there may be, so that each can have one to a backend beside those that are idle, and
/// `own` descriptors are left for sockets that listen and for files.
pub(crate) fn client_connections(descriptors: u64, own: u64) -> usize {
    let own = (own + OF_THE_PROCESS).min(descriptors / 4);
    let left = descriptors - descriptors / IDLE - own;
    usize::try_from(left / OF_A_REQUEST).unwrap_or(usize::MAX).max(1)
}

/// How many connections to backends may be idle, of all tenants together.
pub(crate) fn idle_connections(descriptors: u64) -> usize {
    usize::try_from(descriptors / IDLE).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_requests_hold_a_quarter_at_most() {
        assert_eq!(fair_share(1024), 128);
        assert_eq!(fair_share(1 << 20), 131_072);
        assert_eq!(fair_share(0), 1);
        assert_eq!(fair_share(u64::MAX), u32::MAX);
    }

    #[test]
    fn every_client_can_have_its_backend_beside_idle_connections_and_files() {
        for (descriptors, own, clients) in
            [(1024, 4, 318), (20_000, 16, 7_428), (1 << 20, 512, 392_896)]
        {
            assert_eq!(client_connections(descriptors, own), clients);
            let idle = idle_connections(descriptors) as u64;
            assert!(2 * clients as u64 + idle + own + OF_THE_PROCESS <= descriptors);
            assert!(fair_share(descriptors) as usize <= clients, "one tenant is not all");
        }
        assert_eq!(client_connections(0, 0), 1);
        assert_eq!(client_connections(64, 1000), 16);
    }

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        let raised = raise_limit();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        assert_eq!(raised, maximum.unwrap_or(UNLIMITED).min(UNLIMITED));
    }
}
