// SPDX-License-Identifier: Apache-2.0
//! The memory of heads whose requests wait for their answer.  A client can make a head of 64 KiB out of a few hundred
//! bytes of HPACK, on hundreds of streams at once, and a backend can leave all of them waiting; so what one connection
//! and one tenant hold of them has a limit of its own (CVE-2026-49975, I6).

use std::rc::Rc;

use crate::connection::Connection;
use crate::runtime::TenantRuntime;

/// The most on one connection with several requests at once: 250 of 4 KiB, which is more than browsers send.
const OF_A_CONNECTION: usize = 1024 * 1024;
/// The most of one tenant on one worker: 10,000 requests of 3 KiB.
const OF_A_TENANT: usize = 32 * 1024 * 1024;

/// One head; its bytes are counted until it is dropped.
pub(crate) struct HeldHead {
    bytes: usize,
    connection: Rc<Connection>,
    runtime: Rc<TenantRuntime>,
}

impl HeldHead {
    /// A head of `bytes`, if there is room for it.  The only one always fits: its size has a limit
    /// of its own.
    pub(crate) fn new(
        bytes: usize,
        connection: &Rc<Connection>,
        runtime: &Rc<TenantRuntime>,
    ) -> Option<Self> {
        let (here, there) = (connection.heads.get(), runtime.heads.get());
        let too_many = here > 0 && here + bytes > OF_A_CONNECTION;
        if too_many || (there > 0 && there + bytes > OF_A_TENANT) {
            return None;
        }
        connection.heads.set(here + bytes);
        runtime.heads.set(there + bytes);
        Some(Self { bytes, connection: connection.clone(), runtime: runtime.clone() })
    }
}

impl Drop for HeldHead {
    fn drop(&mut self) {
        let (here, there) = (&self.connection.heads, &self.runtime.heads);
        here.set(here.get() - self.bytes);
        there.set(there.get() - self.bytes);
    }
}
