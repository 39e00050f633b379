// SPDX-License-Identifier: Apache-2.0
//! Which endpoint of a backend is asked: each in turn, apart for every backend of a tenant.

use std::cell::RefCell;

use hashbrown::HashMap;
use postern_snapshot::BackendSlot;

/// One tenant's turns, on one worker.
#[derive(Default)]
pub(crate) struct Balance {
    turns: RefCell<HashMap<BackendSlot, usize, foldhash::fast::RandomState>>,
}

impl Balance {
    /// The index of the endpoint whose turn it is, of `count`.
    pub(crate) fn turn(&self, backend: BackendSlot, count: usize) -> usize {
        if count <= 1 {
            return 0;
        }
        let mut turns = self.turns.borrow_mut();
        // Workers begin at different endpoints: else a backend that was added to would get its first requests from
        // all workers at one endpoint.
        let turn = turns.entry(backend).or_insert_with(|| fastrand::usize(..count));
        let index = *turn % count;
        *turn = index + 1;
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_its_turn_whatever_other_backends_do() {
        let balance = Balance::default();
        let mut seen = [0; 3];
        for _ in 0..9 {
            seen[balance.turn(BackendSlot(1), 3)] += 1;
            balance.turn(BackendSlot(2), 5);
        }
        assert_eq!(seen, [3, 3, 3]);
    }

    #[test]
    fn fewer_endpoints_than_before_are_no_trouble() {
        let balance = Balance::default();
        for _ in 0..7 {
            balance.turn(BackendSlot(0), 8);
        }
        assert!(balance.turn(BackendSlot(0), 2) < 2);
    }
}
