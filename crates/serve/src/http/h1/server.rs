// SPDX-License-Identifier: Apache-2.0
//! A client's HTTP/1.1 connection: one request after the other, in the order in which they came.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use tokio::io::AsyncWrite;

use super::body::Step;
use super::bridge;
use super::deadline::Deadline;
use super::encode::{self, Reply};
use super::intake::{Intake, Plan, Scan, Shape, intake};
use super::relay::End;
use super::response::Asked;
use super::upstream::{Client, Outcome, forward};
use super::wire::Wire;
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::http::upgrade::tunnel_of;
use crate::io::Io;
use crate::respond::Answer;

/// For how long a client may take an answer that ends its connection, and what it has sent meanwhile is read.
const FAREWELL: Duration = Duration::from_secs(2);
/// How much of a body that nobody wants is read to keep the connection.
const MAX_DRAINED: usize = 64 * 1024;

/// What follows a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// The next one.
    Next,
    /// A close that lets the client read what was sent.
    Close,
    /// Nothing can be sent any more.
    Drop,
}

struct Server {
    connection: Rc<Connection>,
    wire: Wire,
    deadline: Deadline,
    drained: Pin<Box<dyn Future<Output = ()>>>,
    served: bool,
}

/// Serves a client's connection until it ends.
pub(crate) async fn serve(connection: Rc<Connection>, io: Io) {
    let worker = connection.worker.clone();
    let drained = Box::pin(async move { worker.drain.begun().await });
    let wire = Wire::new(io);
    let mut server =
        Server { connection, wire, deadline: Deadline::default(), drained, served: false };
    server.deadline.set(server.connection.config.timeouts.read);
    loop {
        let arrived = server.arrive().await;
        server.connection.seat.busy();
        let flow = match arrived {
            None | Some(Intake::Incomplete) => Flow::Close,
            Some(Intake::Answered(exchange, answer, shape)) => {
                server.answer(exchange, answer, shape).await
            }
            Some(Intake::Forward(exchange, plan)) => server.forward(exchange, plan).await,
            Some(Intake::Convert(exchange, request, shape)) => {
                Box::pin(server.convert(exchange, *request, shape)).await
            }
        };
        match flow {
            Flow::Next => server.rest(),
            Flow::Close => return server.farewell().await,
            Flow::Drop => return,
        }
    }
}

impl Server {
    /// Between two requests: no buffer, and the idle timeout.
    fn rest(&mut self) {
        self.served = true;
        self.wire.rest();
        self.deadline.set(self.connection.config.timeouts.idle);
        self.connection.seat.idle(self.connection.worker.clock.now());
    }

    /// Waits for the next request's head; nothing if the connection is over.
    async fn arrive(&mut self) -> Option<Intake> {
        let mut scan = Scan::default();
        let mut begun = false;
        loop {
            if !self.wire.inbox.is_empty() {
                match intake(&self.connection, &mut self.wire.inbox, &mut scan) {
                    Intake::Incomplete if !begun => {
                        begun = true;
                        // The first request's time runs from accept.
                        if self.served {
                            self.deadline.set(self.connection.config.timeouts.read);
                        }
                    }
                    Intake::Incomplete => {}
                    complete => return Some(complete),
                }
            }
            match poll_fn(|cx| self.poll_arrival(cx)).await {
                Some(true) => {}
                Some(false) => return None,
                None if self.wire.inbox.is_empty() => return None,
                None => return Some(self.too_late()),
            }
        }
    }

    /// Whether bytes came (true) or the connection ended (false); nothing if the time is over.
    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<Option<bool>> {
        match self.wire.poll_fill(cx) {
            Poll::Ready(Ok(read)) => return Poll::Ready(Some(read > 0)),
            Poll::Ready(Err(_)) => return Poll::Ready(Some(false)),
            Poll::Pending => {}
        }
        // Before its first request a connection is not idle: its client may have sent one before it could know.
        let idle = self.served && self.wire.inbox.is_empty();
        if idle && self.drained.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(false));
        }
        self.deadline.poll(cx).map(|()| None)
    }

    fn too_late(&self) -> Intake {
        let mut exchange =
            Box::new(Exchange::new(self.connection.clone(), self.connection.worker.clock.now()));
        exchange.invent(Answer::RequestTimeout);
        Intake::Answered(exchange, Answer::RequestTimeout, Shape::unknown())
    }

    async fn forward(&mut self, mut exchange: Box<Exchange>, plan: Plan) -> Flow {
        let mut plan = plan;
        let Some(tenure) = exchange.tenure() else { return Flow::Drop };
        let client = Client { wire: &mut self.wire, deadline: &mut self.deadline };
        let outcome = tenure.hold(pin!(forward(client, &mut exchange, &mut plan))).await;
        let Some(outcome) = outcome else { return self.lose(exchange, plan.shape).await };
        match outcome {
            Outcome::Answered(false) => Flow::Close,
            Outcome::Answered(true) => {
                drop(exchange);
                self.drain(plan.shape).await
            }
            Outcome::Failed(answer) => {
                exchange.invent(answer);
                self.answer(exchange, answer, plan.shape).await
            }
            Outcome::Upgraded(backend) => self.tunnel(exchange, backend).await,
            Outcome::Cut => Flow::Drop,
        }
    }

    /// To a backend that speaks HTTP/2.
    async fn convert(
        &mut self,
        mut exchange: Box<Exchange>,
        request: Request<()>,
        mut shape: Shape,
    ) -> Flow {
        let Some(tenure) = exchange.tenure() else { return Flow::Drop };
        let client = Client { wire: &mut self.wire, deadline: &mut self.deadline };
        let outcome =
            tenure.hold(pin!(bridge::forward(client, &mut exchange, request, &mut shape))).await;
        let Some(outcome) = outcome else { return self.lose(exchange, shape).await };
        match outcome {
            Ok(End::Answered { keep_alive: true, .. }) => {
                drop(exchange);
                self.drain(shape).await
            }
            Ok(End::Answered { .. }) => Flow::Close,
            Ok(_) => Flow::Drop,
            Err(answer) => {
                exchange.invent(answer);
                self.answer(exchange, answer, shape).await
            }
        }
    }

    /// The host has changed hands: the backend's connection is closed already.
    async fn lose(&mut self, mut exchange: Box<Exchange>, shape: Shape) -> Flow {
        if exchange.is_answered() {
            return Flow::Drop;
        }
        exchange.invent(Answer::Revoked);
        self.answer(exchange, Answer::Revoked, shape).await
    }

    /// Answers by ourselves.
    async fn answer(&mut self, mut exchange: Box<Exchange>, answer: Answer, shape: Shape) -> Flow {
        let undecided = shape.expects_continue && !shape.body.is_over();
        let keep_alive = shape.keep_alive
            && !undecided
            && !answer.ends_connection()
            && !self.connection.worker.drain.has_begun();
        let reply = Reply { version: shape.version, keep_alive, upgrade: false };
        let with_body = shape.asked != Asked::Head;
        encode::answer(&mut self.wire.outbox, answer, reply, with_body);
        if with_body {
            exchange.response_bytes += answer.text().len() as u64;
        }
        self.deadline.set(FAREWELL);
        let flushed = poll_fn(|cx| match self.wire.poll_flush(cx) {
            Poll::Ready(flushed) => Poll::Ready(flushed.is_ok()),
            Poll::Pending => self.deadline.poll(cx).map(|()| false),
        });
        match flushed.await {
            false => Flow::Drop,
            true if keep_alive => {
                drop(exchange);
                self.drain(shape).await
            }
            true => Flow::Close,
        }
    }

    /// Reads the rest of a request's body that nobody wants, if it is short, so that the next request can be found.
    async fn drain(&mut self, mut shape: Shape) -> Flow {
        let mut left = MAX_DRAINED;
        if shape.body.is_over() {
            return Flow::Next;
        }
        self.deadline.set(FAREWELL);
        loop {
            match shape.body.step(self.wire.inbox.filled(), left) {
                Err(_) => return Flow::Close,
                Ok(Step::End) => return Flow::Next,
                Ok(Step::Data(count)) => {
                    left -= count;
                    self.wire.inbox.consume(count);
                }
                Ok(Step::Framing(count) | Step::Trailers(count)) => {
                    left = left.saturating_sub(count);
                    self.wire.inbox.consume(count);
                }
                Ok(Step::Starved) if left == 0 => return Flow::Close,
                Ok(Step::Starved) => {
                    if poll_fn(|cx| self.poll_arrival(cx)).await != Some(true) {
                        return Flow::Close;
                    }
                }
            }
        }
    }

    /// After a 101: bytes, no messages.  What was read too early goes first.
    async fn tunnel(&mut self, mut exchange: Box<Exchange>, mut backend: Box<Wire>) -> Flow {
        self.wire.rest();
        backend.rest();
        let carried = Box::pin(tunnel_of(&exchange, &mut self.wire, *backend)).await;
        if let Ok(carried) = carried {
            exchange.request_bytes += carried.up;
            exchange.response_bytes += carried.down;
        }
        Flow::Drop
    }

    /// Closes so that the client can read what it was sent: a close with unread bytes would be a reset that destroys it
    /// (RFC 9112, 9.6).
    async fn farewell(&mut self) {
        self.deadline.set(FAREWELL);
        self.connection.seat.idle(self.connection.worker.clock.now());
        self.wire.inbox.clear();
        let mut shut = false;
        let mut left = MAX_DRAINED;
        poll_fn(|cx| {
            while !shut {
                match Pin::new(&mut self.wire.io).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => shut = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return self.deadline.poll(cx),
                }
            }
            loop {
                match self.wire.poll_fill(cx) {
                    Poll::Ready(Ok(read)) if read > 0 && read < left => {
                        left -= read;
                        self.wire.inbox.clear();
                    }
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return self.deadline.poll(cx),
                }
            }
        })
        .await;
    }
}

#[cfg(test)]
mod tests;
