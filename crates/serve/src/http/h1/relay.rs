// SPDX-License-Identifier: Apache-2.0
//! One request on its way to a backend, and the answer on its way back, both at once: an answer may begin, and end,
//! before the request has been sent.

mod wait;

use std::io;
use std::task::{Context, Poll, ready};

use super::body::{Framing, Incoming, Outgoing, Step};
use super::chunked::copy_trailers;
use super::deadline::Deadline;
use super::encode::{self, Reply};
use super::head::{Fields, Malformed};
use super::intake::{Plan, Scan};
use super::request::Version;
use super::response::ResponseHead;
use super::wire::Wire;
use crate::buffer::Buffer;
use crate::exchange::Exchange;
use crate::roster::Watch;
use wait::Wait;

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 256 * 1024;
/// The most answers of the 1xx class to one request.
const MAX_INTERIM: u32 = 32;

/// How an exchange with a backend ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The answer is complete and written.
    Answered {
        /// Whether another request may be sent to the backend on this connection.
        reusable: bool,
        /// Whether the client was told that its connection goes on.
        keep_alive: bool,
    },
    /// The backend changed the protocol, and the client was told.
    Upgraded,
    /// The backend closed the connection without a byte of an answer.
    Unanswered,
    /// What the backend sent is no answer; the client has got nothing yet.
    BadAnswer,
    /// The backend took too long; the client has got nothing yet.
    BackendTimeout,
    /// The client's body is malformed; the client has got nothing yet.
    BadRequest,
    /// The client took too long with its body; it has got nothing yet.
    ClientTimeout,
    /// The client is gone.
    ClientGone,
    /// It broke in the middle of the answer, which must not look complete.
    Cut,
}

#[derive(Debug)]
enum Phase {
    Head(Scan),
    Body(Incoming, Outgoing),
    Upgraded,
    Over,
}

/// Everything that moves during one exchange.
pub(crate) struct Relay<'a> {
    pub(crate) client: &'a mut Wire,
    pub(crate) upstream: &'a mut Wire,
    pub(crate) deadline: &'a mut Deadline,
    pub(crate) exchange: &'a mut Exchange,
    pub(crate) plan: &'a mut Plan,
    state: State,
}

struct State {
    phase: Phase,
    wait: Wait,
    /// The backend takes no more of the request.
    refuses_more: bool,
    began_body: bool,
    continued: bool,
    interim: u32,
    reusable: bool,
    keep_alive: bool,
    got_bytes: bool,
    /// Since when the client is waited for, once it was.
    watch: Option<Watch>,
}

impl<'a> Relay<'a> {
    /// An exchange whose request stands in `upstream`'s outbox.
    pub(crate) fn new(
        client: &'a mut Wire,
        upstream: &'a mut Wire,
        deadline: &'a mut Deadline,
        exchange: &'a mut Exchange,
        plan: &'a mut Plan,
    ) -> Self {
        let state = State {
            phase: Phase::Head(Scan::default()),
            wait: Wait::Nothing,
            refuses_more: false,
            began_body: false,
            continued: false,
            interim: 0,
            reusable: false,
            keep_alive: false,
            got_bytes: false,
            watch: None,
        };
        Self { client, upstream, deadline, exchange, plan, state }
    }

    /// Moves what can be moved.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Err(end) = self.move_both(cx) {
            return Poll::Ready(end);
        }
        if self.client.outbox.is_empty() {
            match self.state.phase {
                Phase::Over => return Poll::Ready(self.answered()),
                Phase::Upgraded => return Poll::Ready(End::Upgraded),
                Phase::Head(_) | Phase::Body(..) => {}
            }
        }
        self.rest();
        self.watch();
        ready!(self.poll_deadline(cx));
        Poll::Ready(self.timed_out())
    }

    /// While nothing moves, no buffer is held, but for a request that may have to be sent again.
    fn rest(&mut self) {
        self.client.rest();
        self.upstream.inbox.release();
        if self.has_begun_answer() || !self.plan.is_repeatable {
            self.upstream.outbox.release();
        }
    }

    fn move_both(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let sent = self.send(cx)?;
        let received = self.receive(cx)?;
        if sent || received {
            self.state.wait = Wait::Nothing;
        }
        Ok(())
    }

    fn answered(&self) -> End {
        let upstream = &self.upstream;
        let clean = self.plan.shape.body.is_over()
            && upstream.outbox.is_empty()
            && upstream.inbox.is_empty()
            && !self.state.refuses_more;
        End::Answered { reusable: clean && self.state.reusable, keep_alive: self.state.keep_alive }
    }

    // The request.

    fn send(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut moved = false;
        loop {
            if !self.state.refuses_more {
                self.take_request_body()?;
                match self.upstream.poll_flush(cx) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(())) => {}
                    // There may be an answer nevertheless: it is read until the connection's end.
                    Poll::Ready(Err(_)) => {
                        self.state.refuses_more = true;
                        if self.upstream.written > 0 {
                            self.upstream.outbox.clear();
                        }
                    }
                }
            }
            if self.plan.shape.body.is_over() || self.state.refuses_more {
                if self.client.io.poll_gone(cx).is_ready() {
                    return Err(End::ClientGone);
                }
                break;
            }
            match self.client.poll_fill(cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(0) | Err(_)) => return Err(End::ClientGone),
                Poll::Ready(Ok(_)) => moved = true,
            }
        }
        Ok(moved)
    }

    /// Moves the body from the client's inbox to the backend's outbox, in our own framing.
    fn take_request_body(&mut self) -> Result<(), End> {
        let plan = &mut *self.plan;
        while !plan.shape.body.is_over() {
            let bytes = self.client.inbox.filled();
            let room = plan.outgoing.room(&self.upstream.outbox);
            let step = plan.shape.body.step(bytes, room);
            self.state.began_body |= !bytes.is_empty();
            let moved = relay_step(step, plan.outgoing, (self.client, self.upstream));
            match moved {
                Ok(Some(count)) => self.exchange.request_bytes += count,
                Ok(None) => break,
                Err(_) if self.has_begun_answer() => return Err(End::Cut),
                Err(_) => return Err(End::BadRequest),
            }
        }
        Ok(())
    }

    // The answer.

    fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut moved = false;
        loop {
            self.take_answer()?;
            let mut starved = matches!(self.state.phase, Phase::Over | Phase::Upgraded);
            if !starved && self.wants_more() {
                match self.upstream.poll_fill(cx) {
                    Poll::Pending => starved = true,
                    Poll::Ready(Ok(read)) if read > 0 => {
                        self.state.got_bytes = true;
                        moved = true;
                        continue;
                    }
                    Poll::Ready(end) => {
                        self.upstream_ended(&end)?;
                        continue;
                    }
                }
            }
            if self.client.outbox.is_empty() {
                return Ok(moved);
            }
            match self.client.poll_flush(cx) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Err(_)) => return Err(End::ClientGone),
                Poll::Ready(Ok(())) => moved = true,
            }
            if starved {
                return Ok(moved);
            }
        }
    }

    /// Whether more bytes of the backend could be used now.
    fn wants_more(&self) -> bool {
        match &self.state.phase {
            Phase::Head(_) => self.client.outbox.is_empty() || self.upstream.inbox.is_empty(),
            Phase::Body(_, outgoing) => {
                // Chunked framing that is incomplete stays in the inbox.
                outgoing.room(&self.client.outbox) > 0 && self.upstream.inbox.len() < MAX_INBOX
            }
            Phase::Over | Phase::Upgraded => false,
        }
    }

    fn take_answer(&mut self) -> Result<(), End> {
        while matches!(self.state.phase, Phase::Head(_)) {
            if !self.take_head()? {
                return Ok(());
            }
        }
        self.take_answer_body()
    }

    /// Takes one head.  False if there is none, or no room for it.
    fn take_head(&mut self) -> Result<bool, End> {
        if self.upstream.inbox.is_empty() || !self.client.outbox.is_empty() {
            return Ok(false);
        }
        let Some((length, next)) = self.pass_head()? else { return Ok(false) };
        self.upstream.inbox.consume(length);
        self.state.phase = next;
        Ok(true)
    }

    /// Writes the head in the backend's inbox for the client; its length, and what follows it.
    fn pass_head(&mut self) -> Result<Option<(usize, Phase)>, End> {
        let Phase::Head(scan) = &mut self.state.phase else { return Ok(None) };
        let bytes = self.upstream.inbox.filled();
        let mut fields = Fields::new();
        let asked = self.plan.shape.asked;
        let parsed = if scan.is_worth_parsing(bytes) {
            ResponseHead::parse(bytes, asked, &mut fields)
        } else {
            Ok(None)
        };
        match parsed {
            Ok(Some(head)) if head.bytes.len() <= MAX_HEAD => {
                let to = (&mut self.client.outbox, &*self.plan, &mut *self.exchange);
                Ok(Some((head.bytes.len(), pass_head(&head, to, &mut self.state)?)))
            }
            Ok(None) if bytes.len() <= MAX_HEAD => Ok(None),
            _ => Err(End::BadAnswer),
        }
    }

    fn take_answer_body(&mut self) -> Result<(), End> {
        let Phase::Body(body, outgoing) = &mut self.state.phase else { return Ok(()) };
        while !body.is_over() {
            let room = outgoing.room(&self.client.outbox);
            let step = body.step(self.upstream.inbox.filled(), room);
            match relay_step(step, *outgoing, (self.upstream, self.client)) {
                Ok(Some(count)) => self.exchange.response_bytes += count,
                Ok(None) => return Ok(()),
                Err(_) => return Err(End::Cut),
            }
        }
        self.state.phase = Phase::Over;
        Ok(())
    }

    /// The backend has closed, or its connection broke.
    fn upstream_ended(&mut self, end: &io::Result<usize>) -> Result<(), End> {
        match &mut self.state.phase {
            Phase::Head(_) if self.state.got_bytes => Err(End::BadAnswer),
            Phase::Head(_) => Err(End::Unanswered),
            Phase::Body(Incoming::UntilClose, outgoing) if end.is_ok() => {
                outgoing.end(&mut self.client.outbox, b"");
                self.state.phase = Phase::Over;
                Ok(())
            }
            Phase::Body(..) | Phase::Over | Phase::Upgraded => Err(End::Cut),
        }
    }

    fn has_begun_answer(&self) -> bool {
        !matches!(self.state.phase, Phase::Head(_))
    }
}

/// What an inbox holds at most while a body is relayed: trailers are taken as a whole.
const MAX_INBOX: usize = super::chunked::MAX_TRAILERS + 1;

/// Moves what a step found from one side's inbox to the other's outbox.  Nothing: it was starved.
fn relay_step(
    step: Result<Step, Malformed>,
    outgoing: Outgoing,
    (from, to): (&mut Wire, &mut Wire),
) -> Result<Option<u64>, Malformed> {
    match step? {
        Step::Starved => Ok(None),
        Step::End => Ok(Some(0)),
        Step::Framing(count) => {
            from.inbox.consume(count);
            Ok(Some(0))
        }
        Step::Data(count) => {
            outgoing.put(&mut to.outbox, &from.inbox.filled()[..count]);
            from.inbox.consume(count);
            Ok(Some(count as u64))
        }
        Step::Trailers(count) => {
            let mut trailers = Buffer::default();
            copy_trailers(&from.inbox.filled()[..count], &mut trailers)?;
            outgoing.end(&mut to.outbox, trailers.filled());
            from.inbox.consume(count);
            Ok(Some(0))
        }
    }
}

/// Writes a head for the client; returns what follows it.
fn pass_head(
    head: &ResponseHead<'_, '_>,
    (outbox, plan, exchange): (&mut Buffer, &Plan, &mut Exchange),
    state: &mut State,
) -> Result<Phase, End> {
    let version = plan.shape.version;
    match head.status {
        101 if is_agreed(plan.upgrade.as_deref(), head.upgrade) => {
            exchange.answered(101);
            encode::response(outbox, head, Reply { version, keep_alive: true, upgrade: true });
            Ok(Phase::Upgraded)
        }
        101 => Err(End::BadAnswer),
        100..200 => {
            state.interim += 1;
            state.continued |= head.status == 100;
            if state.interim > MAX_INTERIM {
                return Err(End::BadAnswer);
            }
            // RFC 9110, 15.2: never to an HTTP/1.0 client.
            if version == Version::Http11 {
                let reply = Reply { version, keep_alive: true, upgrade: false };
                encode::response(outbox, head, reply);
            }
            Ok(Phase::Head(Scan::default()))
        }
        _ => Ok(begin_answer(head, (outbox, plan, exchange), state)),
    }
}

/// Whether a backend changes to the protocol that it was asked for, and to no other.
fn is_agreed(asked: Option<&[u8]>, offered: Option<&[u8]>) -> bool {
    asked.zip(offered).is_some_and(|(asked, offered)| asked.eq_ignore_ascii_case(offered))
}

/// Writes the final head for the client.
fn begin_answer(
    head: &ResponseHead<'_, '_>,
    (outbox, plan, exchange): (&mut Buffer, &Plan, &mut Exchange),
    state: &mut State,
) -> Phase {
    let shape = &plan.shape;
    // Nobody can know whether a client that waited for a 100 in vain will send its body now (RFC 9110, 10.1.1).
    let undecided =
        shape.expects_continue && !state.continued && !state.began_body && !shape.body.is_over();
    state.keep_alive = shape.keep_alive
        && !undecided
        && !encode::ends_connection(head.framing, shape.version)
        && !exchange.connection().worker.drain.has_begun();
    state.reusable =
        head.keeps_alive() && head.framing != Framing::UntilClose && plan.upgrade.is_none();
    exchange.answered(head.status);
    let reply = Reply { version: shape.version, keep_alive: state.keep_alive, upgrade: false };
    encode::response(outbox, head, reply);
    Phase::Body(Incoming::new(head.framing), encode::outgoing(head.framing, shape.version))
}
