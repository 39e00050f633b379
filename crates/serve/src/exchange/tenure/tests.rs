// SPDX-License-Identifier: Apache-2.0
//! Rights to go on, on a worker whose standing tasks run only where a test starts them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;

use postern_snapshot::Editor;

use super::*;
use crate::connection::Connection;
use crate::fixture::{Site, WEB, on_a_worker, shared, snapshot};
use crate::thread::Shared;

#[derive(Default)]
struct Wakes(AtomicU32);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Stage {
    shared: Shared,
    worker: Rc<Worker>,
}

fn sites(tenant: &'static str) -> [Site; 2] {
    let backend = ([127, 0, 0, 1], 9).into();
    [Site::new(tenant, "a.test").backend(backend), Site::new("globex", "b.test").backend(backend)]
}

impl Stage {
    fn new() -> Self {
        let shared = shared(&sites("acme"));
        let worker = Worker::new(shared.clone(), None);
        Self { shared, worker }
    }

    fn tenure(&self, host: &str) -> Tenure {
        let peer = ([127, 0, 0, 1], 9).into();
        let connection = Rc::new(Connection::new(self.worker.clone(), WEB, (peer, peer), None));
        let admitted = connection.admit(host).unwrap();
        let target = connection.target(admitted, "/").unwrap();
        let mut exchange = Exchange::new(connection, self.worker.clock.now());
        exchange.aim(target);
        exchange.tenure().unwrap()
    }

    fn publish(&self, generation: u64, tenant: &'static str) {
        self.shared.published.replace(snapshot(generation, &sites(tenant)));
    }
}

#[test]
fn nothing_moves_once_the_new_owner_is_published() {
    let stage = Stage::new();
    let moved = Cell::new(0);
    let mut work = pin!(poll_fn(|_| {
        moved.set(moved.get() + 1);
        Poll::<()>::Pending
    }));
    let mut held = pin!(stage.tenure("a.test").hold(work.as_mut()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(held.as_mut().poll(&mut context).is_pending());
    // All names are decided on, and this one is acme's as before.
    stage.publish(2, "acme");
    assert!(held.as_mut().poll(&mut context).is_pending());
    assert_eq!(moved.get(), 2);
    stage.publish(3, "initech");
    assert_eq!(held.as_mut().poll(&mut context), Poll::Ready(None));
    assert_eq!(moved.get(), 2);
}

#[test]
fn what_a_compiler_decides_that_started_over_counts_as_well() {
    let stage = Stage::new();
    stage.publish(7, "acme");
    let mut tenure = stage.tenure("a.test");
    let mut context = Context::from_waker(Waker::noop());
    assert!(tenure.poll_lost(&mut context).is_pending());
    let again = Editor::new(&snapshot(1, &sites("initech"))).finish(8);
    assert_eq!((again.decided(), again.generation()), (1, 8));
    stage.shared.published.replace(again);
    assert!(tenure.poll_lost(&mut context).is_ready());
}

#[test]
fn the_list_wakes_those_alone_whose_names_are_gone() {
    on_a_worker(async {
        let stage = Stage::new();
        let wakes: [Arc<Wakes>; 2] = Default::default();
        let hosts = ["a.test", "b.test"];
        // Many more than are looked at in one go.
        let mut tenures: Vec<_> = hosts.iter().cycle().take(501).map(|h| stage.tenure(h)).collect();
        for (number, tenure) in tenures.iter_mut().enumerate() {
            let waker = Waker::from(wakes[number % 2].clone());
            assert!(tenure.poll_lost(&mut Context::from_waker(&waker)).is_pending());
        }
        stage.publish(2, "initech");
        stage.worker.tenures.end_lost(&stage.shared.published).await;
        let woken = wakes.each_ref().map(|wakes| wakes.0.load(Ordering::Relaxed));
        assert_eq!(woken, [251, 0]);
    });
}

#[test]
fn places_are_used_again() {
    let stage = Stage::new();
    let kept = stage.tenure("b.test");
    for _ in 0..1000 {
        drop((stage.tenure("a.test"), stage.tenure("a.test")));
    }
    let standing = stage.worker.tenures.standing.borrow();
    assert_eq!((standing.places.len(), standing.free.len()), (3, 2));
    drop(standing);
    drop(kept);
}
