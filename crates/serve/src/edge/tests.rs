// SPDX-License-Identifier: Apache-2.0
//! Starting, serving and stopping, from outside.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::*;
use crate::fixture::{self, Site};

fn published(sites: &[Site]) -> Arc<Published> {
    let published = Arc::new(Published::default());
    published.replace(fixture::snapshot(1, sites));
    published
}

fn start(workers: usize) -> Edge {
    let config = EdgeConfig { workers, ..fixture::config() };
    Edge::start(config, published(&[])).unwrap()
}

/// One request on a connection that stays; the head of the answer.
fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        let line = head[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    head
}

fn until_counted(edge: &Edge, line: &str) {
    let begun = Instant::now();
    loop {
        let mut text = String::new();
        edge.metrics().encode(&mut text);
        if text.lines().any(|l| l == line) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{line}\n{text}");
        std::thread::yield_now();
    }
}

#[test]
fn all_workers_share_the_port_that_the_kernel_chose() {
    let edge = start(3);
    let addresses = edge.addresses("web");
    assert_eq!(addresses.len(), 1);
    assert_ne!(addresses[0].port(), 0);
    assert!(edge.addresses("nothing").is_empty());
    for _ in 0..30 {
        let head = ask(&mut TcpStream::connect(addresses[0]).unwrap());
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    }
    // The last request is counted after its last byte is sent.
    until_counted(&edge, "postern_requests_total{entrypoint=\"web\",tenant=\"\",code=\"4xx\"} 30");
    edge.stop();
    edge.join();
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut config = fixture::config();
    let mut web = (*config.entry_points[0]).clone();
    web.addresses = vec![address];
    config.entry_points[0] = Arc::new(web);
    let error = Edge::start(config, published(&[])).unwrap_err();
    assert_eq!(error.to_string(), format!("entry point web cannot listen on {address}"));
}

#[test]
fn nothing_to_serve_with_is_refused() {
    let config = EdgeConfig { workers: 0, ..fixture::config() };
    let error = Edge::start(config, published(&[])).unwrap_err();
    assert!(matches!(error, StartError::Numbers { workers: 0, entry_points: 2 }));
    let mut config = fixture::config();
    let mut web = (*config.entry_points[0]).clone();
    web.addresses.clear();
    config.entry_points[0] = Arc::new(web);
    let error = Edge::start(config, published(&[])).unwrap_err();
    assert_eq!(error.to_string(), "entry point web has no address to listen on");
}

#[test]
fn a_drain_tells_who_is_in_use_and_then_ends() {
    let edge = start(1);
    let mut stream = TcpStream::connect(edge.addresses("web")[0]).unwrap();
    assert!(!ask(&mut stream).to_ascii_lowercase().contains("connection: close"));
    edge.drain();
    let mut closes = false;
    while !closes {
        closes = ask(&mut stream).to_ascii_lowercase().contains("connection: close");
    }
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    edge.join();
}

#[test]
fn a_drain_ends_connections_that_stay_silent() {
    let edge = start(1);
    let mut stream = TcpStream::connect(edge.addresses("web")[0]).unwrap();
    ask(&mut stream);
    edge.drain();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    edge.join();
}

#[test]
fn a_drain_ends_when_the_grace_timeout_has_passed() {
    let grace_timeout = Duration::from_millis(50);
    let config = EdgeConfig { grace_timeout, ..fixture::config() };
    let edge = Edge::start(config, published(&[])).unwrap();
    let mut stream = TcpStream::connect(edge.addresses("web")[0]).unwrap();
    // Half a request: the connection is neither idle nor done.
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let begun = Instant::now();
    edge.drain();
    edge.join();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(stream.read(&mut [0]).is_ok_and(|length| length == 0) || stream.take_error().is_ok());
}

#[test]
fn a_second_edge_takes_over_without_losing_a_request() {
    let old = start(2);
    let address = old.addresses("web")[0];
    let mut config = fixture::config();
    let mut web = (*config.entry_points[0]).clone();
    web.addresses = vec![address];
    config.entry_points[0] = Arc::new(web);
    let (tell, told) = std::sync::mpsc::channel();
    let client = std::thread::spawn(move || {
        for number in 0..400 {
            if number == 100 {
                tell.send(()).unwrap();
            }
            let mut stream = TcpStream::connect(address).expect("nobody is refused");
            assert!(ask(&mut stream).starts_with("HTTP/1.1 404 "));
        }
    });
    told.recv().unwrap();
    let new = Edge::start(config, published(&[])).unwrap();
    old.drain();
    old.join();
    client.join().unwrap();
    new.stop();
    new.join();
}

#[test]
fn every_request_is_one_line_of_the_access_log_by_the_time_of_the_join() {
    let file = std::env::temp_dir().join(format!("postern-edge-log-{}", std::process::id()));
    let access_log = Some((crate::AccessLogFormat::Json, Some(file.clone())));
    let config = EdgeConfig { access_log, ..fixture::config() };
    let edge = Edge::start(config, published(&[])).unwrap();
    let mut stream = TcpStream::connect(edge.addresses("web")[0]).unwrap();
    ask(&mut stream);
    ask(&mut stream);
    drop(stream);
    edge.drain();
    edge.join();
    let log = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(log.lines().count(), 2, "{log}");
    for line in log.lines() {
        assert!(line.contains("\"RequestHost\":\"nobody.example\""), "{line}");
        assert!(line.contains("\"Tenant\":\"\""), "{line}");
    }
}
