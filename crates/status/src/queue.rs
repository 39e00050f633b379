// SPDX-License-Identifier: Apache-2.0
//! What is to be written, tenant by tenant: each has its turn and its allowance, so that one tenant's storm of changes
//! neither delays what others are told nor loads the API server.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

/// How many tasks of one sort are planned at a time, of all tenants together.
const MOST: usize = 1024;

/// How much a tenant may have written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// At once.
    pub(crate) burst: f64,
    /// In each second from then on.
    pub(crate) per_second: f64,
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    level: f64,
    filled: Instant,
}

impl Bucket {
    fn fill(&mut self, allowance: Allowance, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = (self.level + passed * allowance.per_second).min(allowance.burst);
        self.filled = now;
    }
}

/// Tasks of one sort, by tenant.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    allowance: Allowance,
    lanes: HashMap<Arc<str>, Lane<T>>,
    /// Those for whom something waits.  There may be many thousands who wait for nothing.
    turns: VecDeque<Arc<str>>,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    bucket: Bucket,
}

impl<T> FairQueue<T> {
    /// An empty queue.
    pub(crate) fn new(allowance: Allowance) -> Self {
        Self { allowance, lanes: HashMap::new(), turns: VecDeque::new() }
    }

    /// Replaces all that waits; what tenants have used of their allowance stays used.
    pub(crate) fn refill(&mut self, tasks: impl IntoIterator<Item = (Arc<str>, T)>, now: Instant) {
        for lane in self.lanes.values_mut() {
            lane.waiting.clear();
            lane.bucket.fill(self.allowance, now);
        }
        for (tenant, task) in tasks {
            let lane = self.lanes.entry(tenant).or_insert_with(|| {
                let bucket = Bucket { level: self.allowance.burst, filled: now };
                Lane { waiting: VecDeque::new(), bucket }
            });
            lane.waiting.push_back(task);
        }
        // A lane that is empty and has its whole allowance need not be remembered.
        let burst = self.allowance.burst;
        self.lanes.retain(|_, lane| !lane.waiting.is_empty() || lane.bucket.level < burst);
        if self.lanes.capacity() > 4 * self.lanes.len() + 64 {
            self.lanes.shrink_to(2 * self.lanes.len());
        }
        self.take_turns();
    }

    /// Whoever waited before keeps the place; whoever did not comes last.
    fn take_turns(&mut self) {
        let waits = |lanes: &HashMap<Arc<str>, Lane<T>>, tenant: &Arc<str>| {
            lanes.get(tenant).is_some_and(|lane| !lane.waiting.is_empty())
        };
        self.turns.retain(|tenant| waits(&self.lanes, tenant));
        let known: HashSet<Arc<str>> = self.turns.iter().cloned().collect();
        let new = self
            .lanes
            .iter()
            .filter(|(tenant, lane)| !lane.waiting.is_empty() && !known.contains(*tenant));
        let mut new: Vec<_> = new.map(|(tenant, _)| tenant.clone()).collect();
        new.sort();
        self.turns.extend(new);
    }

    /// The next task of the next tenant that has one and may.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        for _ in 0..self.turns.len() {
            let tenant = self.turns.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&tenant) else { continue };
            lane.bucket.fill(self.allowance, now);
            if lane.bucket.level < 1.0 {
                self.turns.push_back(tenant);
                continue;
            }
            let task = lane.waiting.pop_front();
            if !lane.waiting.is_empty() {
                self.turns.push_back(tenant);
            }
            if task.is_some() {
                lane.bucket.level -= 1.0;
                return task;
            }
        }
        None
    }

    /// How much is worth planning now.
    pub(crate) fn quota(&self, now: Instant) -> Quota {
        let Allowance { burst, per_second } = self.allowance;
        // What a tenant may have written by the time of the next plan, and one to be seen waiting.
        let room = |level: f64| (level + per_second) as usize + 1;
        let rooms = self.lanes.iter().map(|(tenant, lane)| {
            let passed = now.saturating_duration_since(lane.bucket.filled).as_secs_f64();
            (tenant.clone(), room((lane.bucket.level + passed * per_second).min(burst)))
        });
        Quota { rooms: rooms.collect(), each: room(burst), left: MOST, withheld: 0 }
    }

    /// How many tasks wait.
    pub(crate) fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }
}

/// How much of what is to be written is planned at a time.  A task holds a whole object, and when there is a lot to
/// write nearly all of them would be thrown away with the next plan.
#[derive(Debug)]
pub(crate) struct Quota {
    rooms: HashMap<Arc<str>, usize>,
    each: usize,
    left: usize,
    withheld: usize,
}

impl Quota {
    /// One that takes everything.
    #[cfg(test)]
    pub(crate) fn unbounded() -> Self {
        Self { rooms: HashMap::new(), each: usize::MAX, left: usize::MAX, withheld: 0 }
    }

    /// Whether one more is planned for a tenant.  A tenant that has used up its allowance takes nobody else's room.
    pub(crate) fn takes(&mut self, tenant: &Arc<str>) -> bool {
        let room = self.rooms.entry(tenant.clone()).or_insert(self.each);
        if *room == 0 || self.left == 0 {
            self.withheld += 1;
            return false;
        }
        *room -= 1;
        self.left -= 1;
        true
    }

    /// Whether one more would be planned.
    pub(crate) fn has_room(&self, tenant: &Arc<str>) -> bool {
        self.left > 0 && *self.rooms.get(tenant).unwrap_or(&self.each) > 0
    }

    /// Counts one that is not planned.
    pub(crate) fn withhold(&mut self) {
        self.withheld += 1;
    }

    /// How many were not planned.
    pub(crate) fn withheld(&self) -> usize {
        self.withheld
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TWO_THEN_ONE: Allowance = Allowance { burst: 2.0, per_second: 1.0 };

    fn tasks(tenant: &str, count: u32) -> impl Iterator<Item = (Arc<str>, (String, u32))> {
        (0..count).map(move |number| (tenant.into(), (tenant.to_owned(), number)))
    }

    #[test]
    fn tenants_take_turns_and_a_storm_delays_nobody_else() {
        let now = Instant::now();
        let mut queue = FairQueue::new(TWO_THEN_ONE);
        queue.refill(tasks("loud", 10_000).chain(tasks("quiet", 2)), now);
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop(now)).collect();
        let expected = [("loud", 0), ("quiet", 0), ("loud", 1), ("quiet", 1)];
        assert_eq!(popped, expected.map(|(tenant, number)| (tenant.to_owned(), number)));
        assert_eq!(queue.len(), 9_998);
    }

    #[test]
    fn an_allowance_comes_back_with_time_and_not_with_a_new_plan() {
        let now = Instant::now();
        let mut queue = FairQueue::new(TWO_THEN_ONE);
        queue.refill(tasks("a", 5), now);
        assert_eq!(std::iter::from_fn(|| queue.pop(now)).count(), 2);
        queue.refill(tasks("a", 5), now);
        assert_eq!(queue.pop(now), None);
        let later = now + Duration::from_secs(1);
        assert_eq!(std::iter::from_fn(|| queue.pop(later)).count(), 1);
    }

    #[test]
    fn a_plan_is_bounded_and_who_may_not_write_takes_no_room() {
        let now = Instant::now();
        let mut queue = FairQueue::new(TWO_THEN_ONE);
        queue.refill(tasks("loud", 10), now);
        assert_eq!(std::iter::from_fn(|| queue.pop(now)).count(), 2);
        let mut quota = queue.quota(now);
        let taken = |quota: &mut Quota, tenant: &str| {
            let tenant = tenant.into();
            (0..10).filter(|_| quota.takes(&tenant)).count()
        };
        assert_eq!(taken(&mut quota, "loud"), 2, "its allowance is used up");
        assert_eq!(taken(&mut quota, "quiet"), 4);
        assert_eq!(quota.withheld(), 14);
        let all: usize = (0..10_000).map(|n| taken(&mut quota, &format!("tenant-{n}"))).sum();
        assert_eq!(all + 6, MOST);
    }

    #[test]
    fn tenants_for_whom_nothing_waits_take_no_turns() {
        let now = Instant::now();
        let mut queue = FairQueue::new(TWO_THEN_ONE);
        queue.refill(tasks("a", 1).chain(tasks("b", 3)), now);
        assert_eq!(std::iter::from_fn(|| queue.pop(now)).count(), 3);
        assert_eq!(queue.turns, ["b".into()], "its allowance is used up, and one task waits");
        assert_eq!(queue.lanes.len(), 2, "what was used of an allowance is remembered");
    }

    #[test]
    fn tenants_that_have_nothing_to_say_are_forgotten() {
        let now = Instant::now();
        let mut queue = FairQueue::new(TWO_THEN_ONE);
        for round in 0..100 {
            let now = now + Duration::from_secs(10 * round);
            queue.refill(tasks(&format!("tenant-{round}"), 1), now);
            assert!(queue.pop(now).is_some());
        }
        assert!(queue.lanes.len() <= 2, "{}", queue.lanes.len());
        assert!(queue.turns.len() <= 2);
    }
}
