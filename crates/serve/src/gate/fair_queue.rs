// SPDX-License-Identifier: Apache-2.0
//! Deficit round robin over tenants (Shreedhar and Varghese, 1995): each has its own queue, and over time as much cost is
//! taken from one as from another, whatever a single item costs and however many there are.

use std::collections::{HashMap, VecDeque};

use postern_snapshot::TenantScope;

/// What a tenant may take in one round: one RSA-2048 handshake, or four with ECDSA.
const QUANTUM: u32 = 16;
/// The most items of one tenant.
const MOST_OF_ONE: usize = 2048;
/// The most items of all tenants.
const MOST_OF_ALL: usize = 8192;

/// Items of many tenants that are taken one at a time.
pub(super) struct FairQueue<T> {
    tenants: HashMap<TenantScope, Queue<T>>,
    /// The tenants that have items, the one whose turn it is first.
    round: VecDeque<TenantScope>,
    pub(super) length: usize,
}

struct Queue<T> {
    items: VecDeque<(u32, T)>,
    deficit: u32,
    /// Whether this round's quantum was given.
    paid: bool,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { tenants: HashMap::new(), round: VecDeque::new(), length: 0 }
    }
}

impl<T> FairQueue<T> {
    /// Puts an item of `tenant` before all its others, and never refuses it: it goes on with what was begun.
    pub(super) fn push_first(&mut self, tenant: &TenantScope, cost: u32, item: T) {
        self.queue(tenant).items.push_front((cost, item));
        self.length += 1;
    }

    /// Appends an item of `tenant`.  Gives back what has no place: the item itself if its tenant has too many, or else,
    /// if there are too many of all, the newest of the tenant that has most.
    pub(super) fn push(&mut self, tenant: &TenantScope, cost: u32, item: T) -> Option<T> {
        let own = self.tenants.get(tenant).map_or(0, |queue| queue.items.len());
        if own >= MOST_OF_ONE {
            return Some(item);
        }
        let displaced = if self.length < MOST_OF_ALL { None } else { self.displace(own) };
        if displaced.is_none() && self.length >= MOST_OF_ALL {
            return Some(item);
        }
        self.queue(tenant).items.push_back((cost, item));
        self.length += 1;
        displaced
    }

    fn queue(&mut self, tenant: &TenantScope) -> &mut Queue<T> {
        self.tenants.entry(tenant.clone()).or_insert_with(|| {
            self.round.push_back(tenant.clone());
            Queue { items: VecDeque::new(), deficit: 0, paid: false }
        })
    }

    /// Takes the newest item of the tenant that has most, if that is more than `own`.
    fn displace(&mut self, own: usize) -> Option<T> {
        let longest = self.tenants.values_mut().max_by_key(|queue| queue.items.len())?;
        if longest.items.len() <= own + 1 {
            return None;
        }
        self.length -= 1;
        longest.items.pop_back().map(|(_, item)| item)
    }

    /// Takes the next item.
    pub(super) fn pop(&mut self) -> Option<T> {
        loop {
            let tenant = self.round.front()?;
            let queue = self.tenants.get_mut(tenant)?;
            if !queue.paid {
                queue.paid = true;
                queue.deficit = queue.deficit.saturating_add(QUANTUM);
            }
            match queue.items.front() {
                Some((cost, _)) if *cost <= queue.deficit => {
                    let (cost, item) = queue.items.pop_front()?;
                    queue.deficit -= cost;
                    self.length -= 1;
                    if queue.items.is_empty() {
                        // Who has nothing to ask for saves nothing up.
                        self.leave();
                    }
                    return Some(item);
                }
                Some(_) => {
                    queue.paid = false;
                    self.round.rotate_left(1);
                }
                None => self.leave(),
            }
        }
    }

    /// The tenant whose turn it is leaves the round.
    fn leave(&mut self) {
        if let Some(tenant) = self.round.pop_front() {
            self.tenants.remove(&tenant);
        }
    }
}

#[cfg(test)]
mod tests;
