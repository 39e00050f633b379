// SPDX-License-Identifier: Apache-2.0
//! Who goes, by what it does and whose it is; and that the lists are what they should be after any history.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use postern_model::Host;
use proptest::prelude::*;

use super::rows::{Address, PATIENCE};
use super::*;
use crate::config::STALLED_AFTER;
use crate::fixture::{self, Site};

const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn guest(number: u8) -> Option<IpAddr> {
    Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, number)))
}

/// A roster with a clock of its own, and connections that nobody serves.
struct Room {
    roster: Rc<Roster>,
    now: Instant,
    seats: Vec<Seated>,
}

impl Room {
    fn new(places: usize) -> Self {
        let metrics = crate::metrics::Metrics::new([]);
        let roster = Roster::new(Some(places), STALLED_AFTER, metrics.register_worker());
        Self { roster, now: Instant::now(), seats: Vec::new() }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// One more connection; a millisecond passes.
    fn enter(&mut self, peer: Option<IpAddr>) -> usize {
        let seat = self.roster.unseated();
        let row = self.roster.rows.borrow_mut().enter(peer.map(Into::into), seat.clone(), self.now);
        seat.row.set(Some(row));
        self.seats.push(Seated(seat));
        self.pass(Duration::from_millis(1));
        self.seats.len() - 1
    }

    /// One that has had a request.
    fn served(&mut self, peer: Option<IpAddr>) -> usize {
        let seat = self.enter(peer);
        self.seats[seat].0.busy();
        self.seats[seat].0.idle(self.now);
        seat
    }

    fn gone(&self) -> Vec<usize> {
        let is_gone = |seat: &usize| self.seats[*seat].0.is_evicted();
        (0..self.seats.len()).filter(is_gone).collect()
    }

    /// Who goes next.
    fn next(&self) -> Option<usize> {
        let before = self.gone();
        if !self.roster.make_room_at(self.now) {
            return None;
        }
        self.gone().into_iter().find(|seat| !before.contains(seat))
    }
}

#[test]
fn who_was_silent_for_a_while_goes_first_and_then_who_waited_longest() {
    let mut room = Room::new(100);
    let idle = room.served(guest(1));
    let old = room.enter(guest(2));
    room.pass(PATIENCE);
    let later = room.served(guest(3));
    let new = room.enter(guest(4));
    assert_eq!(room.next(), Some(old));
    assert_eq!([room.next(), room.next(), room.next()], [Some(idle), Some(later), Some(new)]);
    assert_eq!(room.next(), None);
}

#[test]
fn the_peer_of_whom_most_wait_pays_and_nobody_else() {
    let mut room = Room::new(40);
    let innocent = [room.served(guest(1)), room.served(guest(2)), room.enter(guest(3))];
    let silent: Vec<_> = (0..20).map(|_| room.enter(Some(STRANGER))).collect();
    let idle: Vec<_> = (0..10).map(|_| room.served(Some(STRANGER))).collect();
    // Innocents are the oldest by far.
    room.pass(PATIENCE * 10);
    room.enter(Some(STRANGER));
    let first: Vec<_> = (0..20).map(|_| room.next().unwrap()).collect();
    assert_eq!(first, silent);
    // The stranger holds no more than a quarter now: who has been silent for so long is worth less.
    assert_eq!(room.next(), Some(idle[0]));
    assert_eq!(room.next(), Some(innocent[2]));
    assert_eq!(room.next(), Some(idle[1]));
}

#[test]
fn what_a_stranger_opens_takes_only_its_own_places() {
    let mut room = Room::new(64);
    let innocent: Vec<_> = (0..8).map(|number| room.served(guest(number))).collect();
    for _ in 0..2000 {
        if room.roster.rows.borrow().open() >= 64 {
            assert!(room.next().is_some_and(|gone| !innocent.contains(&gone)));
        }
        room.enter(Some(STRANGER));
    }
    room.roster.rows.borrow().check();
    assert_eq!(room.gone().len(), 2000 - (64 - 8));
}

#[test]
fn an_ipv6_network_is_one_peer_and_a_mapped_address_is_what_it_is() {
    let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::"));
    assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
    assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
}

#[test]
fn connections_through_a_trusted_proxy_are_not_one_strangers() {
    let mut room = Room::new(100);
    let through: Vec<_> = (0..50).map(|_| room.served(None)).collect();
    let two = [room.served(guest(1)), room.served(guest(1))];
    assert_eq!(room.next(), Some(two[0]));
    // All are equal now.
    assert_eq!(room.next(), Some(through[0]));
}

#[test]
fn a_request_in_flight_keeps_its_connection() {
    let mut room = Room::new(4);
    let busy: Vec<_> = (0..4).map(|_| room.served(Some(STRANGER))).collect();
    busy.iter().for_each(|seat| room.seats[*seat].0.busy());
    room.pass(PATIENCE * 100);
    assert_eq!(room.next(), None);
    assert!(room.roster.seat(guest(1)).is_none(), "the newcomer is turned away");
    assert_eq!(room.roster.counters.shed_for(Shed::Newcomer), 1);
    room.seats[busy[2]].0.idle(room.now);
    assert!(room.roster.seat(guest(1)).is_some());
    assert_eq!(room.gone(), [busy[2]]);
    // What it does until it ends is nobody's concern.
    room.seats[busy[2]].0.busy();
    room.seats[busy[2]].0.idle(room.now);
    room.seats.clear();
    assert_eq!(room.roster.rows.borrow().open(), 0);
    room.roster.rows.borrow().check();
}

#[test]
fn a_tenants_own_make_room_for_its_next_one_and_nobody_elses_do() {
    let shared = fixture::shared(&[Site::new("a", "a.example"), Site::new("b", "b.example")]);
    let worker = fixture::worker_at_rest(&shared);
    let runtime = |name: &str| {
        let admission = shared.published.load().admit(&Host::parse(name).unwrap()).unwrap();
        worker.runtimes.of(&admission)
    };
    let (own, other) = (runtime("a.example"), runtime("b.example"));
    let admit = |tenant: &Rc<TenantRuntime>, limit| {
        let seated = worker.roster.seat(guest(1)).unwrap();
        let admitted = seated.0.admit(tenant, limit);
        (seated, admitted)
    };
    let neighbour = admit(&other, Some(3)).0;
    let mut all: Vec<_> = (0..3).map(|_| admit(&own, Some(3)).0).collect();
    all.iter().for_each(|seat| seat.0.busy());
    assert!(!admit(&own, Some(3)).1, "all have requests in flight");
    assert!(admit(&other, Some(3)).1);
    all[2].0.idle(Clock.now());
    all[1].0.idle(Clock.now());
    all.push(admit(&own, Some(3)).0);
    let gone = |all: &[Seated]| all.iter().map(|seat| seat.0.is_evicted()).collect::<Vec<_>>();
    assert_eq!(gone(&all), [false, false, true, false]);
    // Where the limit falls, two go for each that comes.
    all.push(admit(&own, Some(2)).0);
    assert_eq!(gone(&all), [false, true, true, true, false]);
    assert!(!neighbour.0.is_evicted());
    assert!(!admit(&own, Some(0)).1);
    assert_eq!(worker.counters.shed_for(Shed::Tenant), 4);
    all.clear();
    drop(neighbour);
    assert!(admit(&own, Some(1)).1 && admit(&own, Some(1)).1);
    worker.roster.rows.borrow().check();
}

#[test]
fn the_task_of_whoever_goes_ends_in_the_next_turn() {
    fixture::on_a_worker(async {
        let metrics = crate::metrics::Metrics::new([]);
        let roster = Roster::new(Some(1), STALLED_AFTER, metrics.register_worker());
        let held = Rc::new(());
        let seated = roster.seat(guest(1)).unwrap();
        let holds = held.clone();
        let task = tokio::task::spawn_local(seated.hold(async move {
            std::future::pending::<()>().await;
            drop(holds);
        }));
        tokio::task::yield_now().await;
        let newcomer = roster.seat(guest(2)).unwrap();
        task.await.unwrap();
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(!newcomer.seat().is_evicted());
        assert_eq!(roster.rows.borrow().open(), 1);
    });
}

#[test]
fn who_waits_for_its_client_gives_way_after_a_while_and_only_then() {
    let shared = fixture::shared(&[Site::new("acme", "a.example")]);
    let worker = fixture::worker_at_rest(&shared);
    let admission = shared.published.load().admit(&Host::parse("a.example").unwrap()).unwrap();
    let runtime = worker.runtimes.of(&admission);
    let seats = [1, 2].map(|number| worker.roster.seat(guest(number)).unwrap());
    seats.iter().for_each(|seat| seat.0.busy());
    let watch = |seat: &Seated| Watch::new(seat.0.clone(), runtime.clone());
    // Two of the first connection, one of the second.
    let [mut one, mut two, mut three] = [&seats[0], &seats[0], &seats[1]].map(watch);
    [&mut one, &mut two, &mut three].into_iter().for_each(|watch| watch.note(Some(1)));
    let ends =
        |after: Duration| worker.roster.end_stalled_at(Some(&runtime.stalled), Clock.now() + after);
    assert!(!ends(STALLED_AFTER / 2));
    assert!(ends(STALLED_AFTER + PATIENCE));
    assert!(seats[0].0.is_evicted() && !seats[1].0.is_evicted());
    // It does not wait any more, and the first connection goes already.
    three.note(None);
    assert!(!ends(STALLED_AFTER + PATIENCE));
    three.note(Some(2));
    assert!(worker.roster.make_room_at(Clock.now() + STALLED_AFTER + PATIENCE));
    assert!(seats[1].0.is_evicted());
    drop((one, two, three));
    assert!(!ends(STALLED_AFTER + PATIENCE));
    assert_eq!(worker.counters.shed_for(Shed::Stalled), 2);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u8),
    Busy(usize),
    Idle(usize),
    Leave(usize),
    MakeRoom,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..6_u8).prop_map(Step::Enter),
        2 => any::<usize>().prop_map(Step::Busy),
        2 => any::<usize>().prop_map(Step::Idle),
        1 => any::<usize>().prop_map(Step::Leave),
        1 => Just(Step::MakeRoom),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a model that counts by looking at everybody.
    #[test]
    fn after_any_history_the_victim_is_of_the_peer_of_whom_most_wait(
        steps in prop::collection::vec(step(), 0..200)
    ) {
        let mut room = Room::new(8);
        let model: RefCell<BTreeMap<usize, (u8, bool)>> = RefCell::default();
        let pick = |number: usize| {
            let model = model.borrow();
            model.keys().nth(number % model.len().max(1)).copied()
        };
        let mut ended = Vec::new();
        for step in steps {
            match step {
                Step::Enter(peer) => {
                    // The first one comes through a proxy: each of its connections is alone.
                    let seat = room.enter(guest(peer).filter(|_| peer > 0));
                    model.borrow_mut().insert(seat, (peer, true));
                }
                Step::Busy(number) => if let Some(seat) = pick(number) {
                    room.seats[seat].0.busy();
                    model.borrow_mut().entry(seat).and_modify(|(_, waits)| *waits = false);
                },
                Step::Idle(number) => if let Some(seat) = pick(number) {
                    room.seats[seat].0.idle(room.now);
                    model.borrow_mut().entry(seat).and_modify(|(_, waits)| *waits = true);
                },
                Step::Leave(number) => if let Some(seat) = pick(number) {
                    let row = room.seats[seat].0.row.take().unwrap();
                    ended.extend(room.roster.rows.borrow_mut().leave(row).0);
                    model.borrow_mut().remove(&seat);
                },
                Step::MakeRoom => {
                    let count = |of: u8| {
                        let model = model.borrow();
                        let waiting = model.values().filter(|(peer, waits)| *peer == of && *waits);
                        if of == 0 { waiting.count().min(1) } else { waiting.count() }
                    };
                    let most = (0..6).map(count).max().unwrap_or(0);
                    let victim = room.next();
                    prop_assert_eq!(victim.is_some(), most > 0);
                    if let Some(victim) = victim {
                        let (peer, waits) = model.borrow()[&victim];
                        prop_assert!(waits);
                        prop_assert_eq!(count(peer), most);
                        model.borrow_mut().remove(&victim);
                    }
                }
            }
            room.roster.rows.borrow().check();
        }
    }
}
