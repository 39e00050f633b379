// SPDX-License-Identifier: Apache-2.0
//! Sockets that listen: bound once for each (address, port) and worker, accepted from in small portions, and closed so
//! that no connection is lost in their queues.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;

use postern_model::EntryPointId;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::worker::Worker;

/// Connections that the kernel completes before they are accepted (it lowers this to `net.core.somaxconn`).
const BACKLOG: i32 = 4096;
/// Connections accepted before others get their turn of the loop.
const PORTION: u32 = 16;
/// So many connections are closed for one that cannot be accepted for want of descriptors.
const TRIES: u32 = 4;
/// How long nothing is accepted when the process has no file descriptor or memory left.
const BACK_OFF: Duration = Duration::from_millis(100);
/// For how long, and how often, a closing socket's queue is looked at: handshakes that were under way need a round trip.
const SETTLE: (u32, Duration) = (10, Duration::from_millis(10));

/// One worker's socket for one address of an entry point.
pub(crate) struct Listener {
    /// Which entry point.
    pub(crate) entry_point: EntryPointId,
    /// The address that was really bound.
    pub(crate) address: SocketAddr,
    socket: StdListener,
}

impl Listener {
    /// Binds and listens.  Several sockets of one user may have the same address: the kernel spreads connections.
    pub(crate) fn bind(entry_point: EntryPointId, address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            // Otherwise [::]:80 would take 0.0.0.0:80 as well, and every peer would have two spellings.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        // Linux hands these down to accepted sockets, which saves two system calls each.
        socket.set_tcp_nodelay(true)?;
        let (idle, interval) = (Duration::from_secs(60), Duration::from_secs(15));
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(interval))?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = StdListener::from(socket);
        Ok(Self { entry_point, address: socket.local_addr()?, socket })
    }

    /// Accepts until the worker drains, then takes what is queued, and closes.
    pub(crate) async fn run(
        self,
        worker: Rc<Worker>,
        accepted: impl Fn(Accepted),
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(self.socket)?;
        let each = |stream, peer| {
            let addresses = (peer, local_address(self.address, &stream));
            accepted(Accepted { stream, addresses, entry_point: self.entry_point });
        };
        tokio::select! {
            biased;
            () = worker.drain.listeners_close() => {}
            () = accept_all(&worker, &listener, &each) => {}
        }
        close(listener.into_std()?, &each).await
    }
}

/// A connection, fresh from the kernel.
pub(crate) struct Accepted {
    /// The socket.
    pub(crate) stream: TcpStream,
    /// The client's address, and the one that it connected to.
    pub(crate) addresses: (SocketAddr, SocketAddr),
    /// Where it was accepted.
    pub(crate) entry_point: EntryPointId,
}

/// The address that a client connected to: the kernel is asked only where the socket listens on all of them.
fn local_address(bound: SocketAddr, stream: &TcpStream) -> SocketAddr {
    if bound.ip().is_unspecified() { stream.local_addr().unwrap_or(bound) } else { bound }
}

async fn accept_all(
    worker: &Worker,
    listener: &TcpListener,
    accepted: &impl Fn(TcpStream, SocketAddr),
) {
    let mut portion = 0;
    let mut failures = 0;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                failures = 0;
                accepted(stream, peer);
            }
            Err(error) => {
                worker.counters.accept_errors.increment();
                if is_exhaustion(&error) {
                    failures += 1;
                    make_room(worker, failures).await;
                }
            }
        }
        portion += 1;
        if portion == PORTION {
            portion = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Closes another connection for one that stays in the queue.  Where that does not help, because there is none or it is
/// not this process that has everything, nothing is done for a while: the socket stays readable, and would be asked in
/// vain again and again.
async fn make_room(worker: &Worker, failures: u32) {
    if !failures.is_multiple_of(TRIES) && worker.roster.make_room() {
        // It is closed in this turn of the loop.
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(BACK_OFF).await;
    }
}

/// Whether accepting failed for want of resources, not because of that one connection (accept(2), "Error handling").
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    let code = Errno::from_io_error(error);
    matches!(code, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// Closes a listening socket without losing what was promised.
///
/// Once a client's handshake with the kernel is complete, closing the socket would reset it.  So the socket first refuses
/// to begin handshakes: a client whose SYN gets no answer sends it again a second later, and finds another process of
/// the same `SO_REUSEPORT` group.  Then what is queued, or was about to be, is accepted.
async fn close(listener: StdListener, accepted: &impl Fn(TcpStream, SocketAddr)) -> io::Result<()> {
    // Without the filter (a sandbox may forbid it) only connections that come within microseconds can be lost.
    let _ = SockRef::from(&listener).attach_filter(&DROP_SYN);
    let (rounds, pause) = SETTLE;
    for round in 0..=rounds {
        while let Ok((stream, peer)) = listener.accept() {
            stream.set_nonblocking(true)?;
            accepted(TcpStream::from_std(stream)?, peer);
        }
        if round < rounds {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(())
}

/// Classic BPF: load byte 13 of the TCP header, the flags; keep SYN and ACK; drop what has SYN alone.
const DROP_SYN: [SockFilter; 5] = [
    SockFilter::new(0x30, 0, 0, 13),          // ldb [13]
    SockFilter::new(0x54, 0, 0, 0x12),        // and #0x12
    SockFilter::new(0x15, 0, 1, 0x02),        // jeq #0x02, next, skip one
    SockFilter::new(0x06, 0, 0, 0),           // ret #0
    SockFilter::new(0x06, 0, 0, 0xffff_ffff), // ret #-1
];

#[cfg(test)]
mod tests;
