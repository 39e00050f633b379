// SPDX-License-Identifier: Apache-2.0
//! What goes wrong, and when.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::json;
use tokio::sync::watch;

use super::ask::Ask;

/// The body of an answer; an error is a connection that breaks.
pub(super) type Answer = UnsyncBoxBody<Bytes, io::Error>;

/// What a request meets.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// An error of that code.
    Status(u16),
    /// This, and no more.
    Text(String),
    /// Another query: what stands first becomes what stands second.
    Query(String, String),
    /// The true answer up to so many bytes; then the connection breaks.
    CutAfter(usize),
    /// A streamed list whose connection breaks before the bookmark that ends it.
    CutBeforeEnd,
    /// So many bytes of the true answer, one by one, and then nothing more.
    Trickle(usize),
}

/// How a watch ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// The connection breaks.
    Broken,
    /// The server says that it has forgotten where the watch stands.
    Expired,
}

#[derive(Default)]
pub(super) struct Faults {
    state: Mutex<State>,
    on_their_way: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    once: HashMap<(String, Ask), VecDeque<Fault>>,
    always: Vec<(String, Ask, Fault)>,
    asked: HashMap<(String, Ask), usize>,
    kinds: HashMap<String, Kind>,
}

/// Counted until it has arrived, or is lost.
pub(super) struct OnItsWay(Arc<AtomicUsize>);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What is to happen with the watches of a kind.
struct Kind {
    delay: Duration,
    /// How often they were ended, and how the last time.
    ending: watch::Sender<(usize, Ending)>,
}

impl Default for Kind {
    fn default() -> Self {
        Self { delay: Duration::ZERO, ending: watch::Sender::new((0, Ending::Broken)) }
    }
}

impl Faults {
    pub(super) fn once(&self, plural: &str, ask: Ask, fault: Fault) {
        let mut state = self.state();
        state.once.entry((plural.to_owned(), ask)).or_default().push_back(fault);
    }

    pub(super) fn always(&self, plural: &str, ask: Ask, fault: Fault) {
        self.state().always.push((plural.to_owned(), ask, fault));
    }

    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.once.clear();
        state.always.clear();
    }

    /// Counts a request, and says what it meets.
    pub(super) fn meet(&self, plural: &str, ask: Ask) -> Option<Fault> {
        let mut state = self.state();
        let key = (plural.to_owned(), ask);
        *state.asked.entry(key.clone()).or_default() += 1;
        if let Some(fault) = state.once.get_mut(&key).and_then(VecDeque::pop_front) {
            return Some(fault);
        }
        let meets = |kind: &str, what: Ask| {
            (kind == "*" || kind == plural) && (what == Ask::Any || what == ask)
        };
        let found = state.always.iter().find(|(kind, what, _)| meets(kind, *what));
        found.map(|(_, _, fault)| fault.clone())
    }

    pub(super) fn asked(&self, plural: &str, ask: Ask) -> usize {
        self.state().asked.get(&(plural.to_owned(), ask)).copied().unwrap_or_default()
    }

    pub(super) fn delay(&self, plural: &str, by: Duration) {
        self.state().kinds.entry(plural.to_owned()).or_default().delay = by;
    }

    pub(super) fn delay_of(&self, plural: &str) -> Duration {
        self.state().kinds.get(plural).map(|kind| kind.delay).unwrap_or_default()
    }

    pub(super) fn end(&self, plural: &str, ending: Ending) {
        let mut state = self.state();
        let kind = state.kinds.entry(plural.to_owned()).or_default();
        kind.ending.send_modify(|state| *state = (state.0 + 1, ending));
    }

    pub(super) fn ending_of(&self, plural: &str) -> watch::Receiver<(usize, Ending)> {
        self.state().kinds.entry(plural.to_owned()).or_default().ending.subscribe()
    }

    pub(super) fn on_their_way(&self) -> usize {
        self.on_their_way.load(Ordering::SeqCst)
    }

    pub(super) fn sets_out(&self) -> OnItsWay {
        self.on_their_way.fetch_add(1, Ordering::SeqCst);
        OnItsWay(self.on_their_way.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error as kube-apiserver writes it.
pub(super) fn status(code: u16) -> Response<Answer> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code});
    text(code, &body.to_string())
}

pub(super) fn text(code: u16, text: &str) -> Response<Answer> {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes()));
    let body = body.map_err(io::Error::other).boxed_unsync();
    let response = Response::builder().status(code).header("content-type", "application/json");
    response.body(body).expect("the code is one")
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn data(body: Incoming) -> impl stream::Stream<Item = Bytes> {
    let frames = BodyStream::new(body);
    frames.filter_map(async |frame| frame.ok().and_then(|frame| frame.into_data().ok()))
}

fn body(stream: impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static) -> Answer {
    StreamBody::new(stream.map(|bytes| bytes.map(Frame::data))).boxed_unsync()
}

pub(super) fn cut_after(from: Incoming, bytes: usize) -> Answer {
    let cut = data(from).scan(bytes, |left, mut chunk| {
        chunk.truncate(*left);
        *left -= chunk.len();
        std::future::ready((!chunk.is_empty()).then_some(Ok(chunk)))
    });
    body(cut.chain(stream::once(async { Err(broken()) })))
}

pub(super) fn cut_before_end(from: Incoming) -> Answer {
    const END: &[u8] = b"k8s.io/initial-events-end";
    // Half a line is a cut as well.
    let cut = stream::unfold(Some(Box::pin(data(from))), async |chunks| {
        let mut chunks = chunks?;
        let mut chunk = chunks.next().await?;
        let end = chunk.windows(END.len()).position(|window| window == END);
        chunk.truncate(end.unwrap_or(chunk.len()));
        Some((Ok(chunk), end.is_none().then_some(chunks)))
    });
    body(cut.chain(stream::once(async { Err(broken()) })))
}

pub(super) fn trickle(
    from: Incoming,
    bytes: usize,
    mut ending: watch::Receiver<(usize, Ending)>,
) -> Answer {
    let single = data(from).flat_map(|chunk| {
        let bytes = (0..chunk.len()).map(move |at| chunk.slice(at..=at));
        stream::iter(bytes)
    });
    let slow = single.take(bytes).then(async |byte| {
        tokio::time::sleep(Duration::from_millis(2)).await;
        Ok(byte)
    });
    let ended = async move { ending.changed().await.map_err(drop) };
    body(
        slow.chain(stream::pending())
            .take_until(ended)
            .chain(stream::once(async { Err(broken()) })),
    )
}
