// SPDX-License-Identifier: Apache-2.0
//! Two sockets of one address, one of which closes while clients connect.

use std::cell::Cell;
use std::io::Read;
use std::net::TcpStream as StdStream;

use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;

use super::*;
use crate::fixture::{WEB, on_a_worker, shared, worker};

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn answer(accepted: Accepted, who: &'static [u8]) {
    spawn_local(async move {
        let mut stream = accepted.stream;
        stream.write_all(who).await.unwrap();
    });
}

#[test]
fn accepted_sockets_inherit_what_was_set() {
    on_a_worker(async {
        let listener = Listener::bind(WEB, LOOPBACK.into()).unwrap();
        let address = listener.address;
        let client = std::thread::spawn(move || StdStream::connect(address).unwrap());
        let listener = TcpListener::from_std(listener.socket).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
        client.join().unwrap();
    });
}

#[test]
fn ipv4_and_ipv6_sockets_of_one_port_are_two() {
    let six = match Listener::bind(WEB, "[::]:0".parse().unwrap()) {
        Ok(six) => six,
        // A machine without IPv6.
        Err(_) => return,
    };
    let four = Listener::bind(WEB, ([0, 0, 0, 0], six.address.port()).into()).unwrap();
    assert_eq!(four.address.port(), six.address.port());
}

#[test]
fn what_is_queued_when_the_stop_begins_is_still_served() {
    let shared = shared(&[]);
    on_a_worker(async {
        let worker = worker(&shared);
        let listener = Listener::bind(WEB, LOOPBACK.into()).unwrap();
        let address = listener.address;
        // Connected before anybody accepts.
        let clients: Vec<_> = (0..50).map(|_| StdStream::connect(address).unwrap()).collect();
        worker.drain.begin();
        listener.run(worker, |accepted| answer(accepted, b"served")).await.unwrap();
        let served = std::thread::spawn(move || {
            clients.into_iter().all(|mut client| {
                let mut text = String::new();
                client.read_to_string(&mut text).is_ok() && text == "served"
            })
        });
        while !served.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(served.join().unwrap());
        assert!(StdStream::connect(address).is_err());
    });
}

#[test]
fn a_socket_that_closes_beside_another_loses_no_connection() {
    let shared = shared(&[]);
    on_a_worker(async {
        let (old, new) = (worker(&shared), worker(&shared));
        let first = Listener::bind(WEB, LOOPBACK.into()).unwrap();
        let address = first.address;
        let second = Listener::bind(WEB, address).unwrap();
        let stopping = spawn_local(first.run(old.clone(), |accepted| answer(accepted, b"old")));
        spawn_local(second.run(new, |accepted| answer(accepted, b"new")));
        let (tell, told) = std::sync::mpsc::channel();
        let clients = std::thread::spawn(move || {
            let mut last = String::new();
            // Until the new socket has been alone for long enough that chance cannot be the reason.
            let (mut connections, mut in_a_row) = (0, 0);
            while in_a_row < 64 {
                let mut client = StdStream::connect(address).expect("nobody is refused");
                last.clear();
                client.read_to_string(&mut last).expect("nobody is reset");
                assert!(last == "old" || last == "new");
                in_a_row = if last == "new" { in_a_row + 1 } else { 0 };
                connections += 1;
                if connections == 200 {
                    tell.send(()).unwrap();
                }
            }
            connections
        });
        let begun = Cell::new(false);
        while !clients.is_finished() {
            if !begun.get() && told.try_recv().is_ok() {
                begun.set(true);
                old.drain.begin();
            }
            tokio::task::yield_now().await;
        }
        assert!(clients.join().unwrap() >= 200);
        stopping.await.unwrap().unwrap();
    });
}

#[test]
fn a_closing_socket_begins_no_handshake_and_ends_those_that_were_begun() {
    let listener = Listener::bind(WEB, LOOPBACK.into()).unwrap();
    let mut early = StdStream::connect(listener.address).unwrap();
    SockRef::from(&listener.socket).attach_filter(&DROP_SYN).unwrap();
    let late = StdStream::connect_timeout(&listener.address, Duration::from_millis(50));
    assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
    std::io::Write::write_all(&mut early, b"x").unwrap();
    let (mut server, _) = listener.socket.accept().unwrap();
    server.set_nonblocking(false).unwrap();
    server.read_exact(&mut [0]).unwrap();
}

#[test]
fn exhaustion_is_told_from_a_connection_that_broke() {
    let error = |code: Errno| io::Error::from_raw_os_error(code.raw_os_error());
    assert!(is_exhaustion(&error(Errno::MFILE)) && is_exhaustion(&error(Errno::NOMEM)));
    assert!(!is_exhaustion(&error(Errno::CONNABORTED)));
}
