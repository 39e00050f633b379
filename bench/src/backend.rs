// SPDX-License-Identifier: Apache-2.0
//! A backend that costs about two microseconds a request: one thread, epoll, no allocation per request.
//!
//! It reads requests without bodies (the load generators send no others) and ends with the process that started it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::process::{Signal, set_parent_process_death_signal};

const LISTENER: u64 = u64::MAX;
const MOST_HEAD: usize = 16 * 1024;

/// Where to listen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The address.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    address: Ipv4Addr,
    /// The port; without it, any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What every answer has as its ETag, to tell backends apart.
    #[arg(long, default_value = "postern-bench")]
    tag: String,
}

/// Serves until the parent process ends; prints the port first.
pub(crate) fn run(options: &Options) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let listener = TcpListener::bind((options.address, options.port))?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?.port());
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let answers =
        Answers { small: answer(100, &options.tag), big: answer(10 * 1024, &options.tag) };
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(256);
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let data = event.data;
            if data.u64() == LISTENER {
                accept(&listener, &epoll, &mut connections)?;
                continue;
            }
            let slot = usize::try_from(data.u64())?;
            let Some(connection) = connections.get_mut(slot) else { continue };
            if connection.as_mut().is_some_and(|open| !open.serve(&answers)) {
                // Closing the socket takes it out of the epoll set.
                *connection = None;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    epoll: &impl std::os::fd::AsFd,
    connections: &mut Vec<Option<Connection>>,
) -> Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let free = connections.iter().position(Option::is_none);
        let slot = free.unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        epoll::add(epoll, &stream, EventData::new_u64(u64::try_from(slot)?), EventFlags::IN)?;
        connections[slot] = Some(Connection { stream, head: Vec::new() });
    }
}

struct Answers {
    small: Vec<u8>,
    big: Vec<u8>,
}

fn answer(length: usize, tag: &str) -> Vec<u8> {
    let mut text = format!(
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\nCache-Control: max-age=60\r\nETag: \"{tag}\"\r\n\r\n"
    )
    .into_bytes();
    text.resize(text.len() + length, b'x');
    text
}

struct Connection {
    stream: TcpStream,
    /// The beginning of a request whose end has not come yet.
    head: Vec<u8>,
}

impl Connection {
    /// Reads once and answers every whole request; false when the connection is over.
    fn serve(&mut self, answers: &Answers) -> bool {
        let mut buffer = [0_u8; 16 * 1024];
        let read = match self.stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) => read,
            Err(error) => {
                return matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
            }
        };
        let bytes = &buffer[..read];
        if self.head.is_empty() && bytes.ends_with(b"\r\n\r\n") && heads(bytes) == 1 {
            return self.send(answers.to(bytes));
        }
        self.head.extend_from_slice(bytes);
        while let Some(end) = end_of_head(&self.head) {
            let request: Vec<u8> = self.head.drain(..end).collect();
            if !self.send(answers.to(&request)) {
                return false;
            }
        }
        self.head.len() < MOST_HEAD
    }

    /// A peer that does not read is closed, not buffered: no load generator of ours does that.
    fn send(&mut self, answer: &[u8]) -> bool {
        let mut rest = answer;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

impl Answers {
    fn to(&self, request: &[u8]) -> &[u8] {
        if request.starts_with(b"GET /b") { &self.big } else { &self.small }
    }
}

fn heads(bytes: &[u8]) -> usize {
    bytes.windows(4).filter(|window| window == b"\r\n\r\n").count()
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}
