// SPDX-License-Identifier: Apache-2.0
//! One step a turn, whoever waits, and nobody forgotten.

use std::future::Future;

use postern_model::Tenancy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

use super::*;

fn tenant(name: &str) -> TenantScope {
    TenantScope::new(Tenancy::default().tenant_of(name).expect("each namespace is a tenant"))
}

/// Runs on the kind of runtime that workers have: what a turn is depends on it.
fn on_a_worker<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(test)
}

fn gate() -> Rc<Gate> {
    let gate = Rc::new(Gate::default());
    let pump = gate.clone();
    spawn_local(async move { pump.run().await });
    gate
}

#[test]
fn an_idle_gate_is_open() {
    on_a_worker(async {
        let gate = gate();
        for _ in 0..3 {
            assert_eq!(gate.first_step(&tenant("a"), 4).await, Ok(()));
        }
    });
}

#[test]
fn whatever_is_ready_is_served_between_two_steps() {
    on_a_worker(async {
        let gate = gate();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let steps = Rc::new(Cell::new(0));
        for _ in 0..1000 {
            let (gate, steps) = (gate.clone(), steps.clone());
            spawn_local(async move {
                gate.first_step(&tenant("flood"), 4).await.unwrap();
                steps.set(steps.get() + 1);
            });
        }
        // A bystander's message needs the loop to poll for I/O twice; so few steps may come before it.
        spawn_local(async move {
            let mut byte = [0];
            server.read_exact(&mut byte).await.unwrap();
            server.write_all(&byte).await.unwrap();
        });
        client.write_all(b"x").await.unwrap();
        let before = steps.get();
        client.read_exact(&mut [0]).await.unwrap();
        assert!(steps.get() - before <= 20, "{} steps came first", steps.get() - before);
        while steps.get() < 1000 {
            yield_now().await;
        }
    });
}

#[test]
fn a_bystanders_handshake_passes_a_flood() {
    on_a_worker(async {
        let gate = gate();
        let steps = Rc::new(Cell::new(0));
        for _ in 0..1000 {
            let (gate, steps) = (gate.clone(), steps.clone());
            spawn_local(async move {
                gate.first_step(&tenant("flood"), 16).await.unwrap();
                steps.set(steps.get() + 1);
            });
        }
        yield_now().await;
        let before = steps.get();
        gate.first_step(&tenant("bystander"), 4).await.unwrap();
        assert!(steps.get() - before <= 3, "{} steps came first", steps.get() - before);
    });
}

#[test]
fn who_gave_up_does_not_hold_up_the_others() {
    on_a_worker(async {
        let gate = gate();
        let tenant = tenant("a");
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let (gate, tenant) = (gate.clone(), tenant.clone());
                spawn_local(async move { gate.first_step(&tenant, 4).await })
            })
            .collect();
        yield_now().await;
        waiting.iter().take(9).for_each(|waiting| waiting.abort());
        for last in waiting.into_iter().skip(9) {
            assert_eq!(last.await.unwrap(), Ok(()));
        }
        assert_eq!(gate.first_step(&tenant, 4).await, Ok(()));
    });
}

#[test]
fn too_many_are_told_at_once() {
    on_a_worker(async {
        let gate = gate();
        let flood: Vec<_> = (0..3000)
            .map(|_| {
                let gate = gate.clone();
                spawn_local(async move { gate.first_step(&tenant("flood"), 4).await })
            })
            .collect();
        let mut refused = 0;
        for one in flood {
            refused += usize::from(one.await.unwrap() == Err(QueueFull));
        }
        assert!((900..1000).contains(&refused), "{refused} were refused");
    });
}

#[test]
fn what_was_begun_is_ended_before_more_is_begun() {
    on_a_worker(async {
        let gate = gate();
        let steps = Rc::new(Cell::new(0));
        for _ in 0..1000 {
            let (gate, steps) = (gate.clone(), steps.clone());
            spawn_local(async move {
                gate.first_step(&tenant("flood"), 4).await.unwrap();
                steps.set(steps.get() + 1);
            });
        }
        yield_now().await;
        let before = steps.get();
        gate.later_step(&tenant("flood")).await.unwrap();
        assert!(steps.get() - before <= 1, "{} steps came first", steps.get() - before);
    });
}
