// SPDX-License-Identifier: Apache-2.0
//! A watch on its way through the relay: events that come late, and watches that end.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::faults::{Answer, Ending, Faults, OnItsWay};

const EXPIRED: &str = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\
    \"status\":\"Failure\",\"reason\":\"Expired\",\"code\":410}}\n";

/// Events, and when they are to come.
struct Event {
    due: Instant,
    bytes: Bytes,
    way: OnItsWay,
}

struct Way {
    events: mpsc::UnboundedReceiver<Event>,
    ending: watch::Receiver<(usize, Ending)>,
}

/// Passes on what comes, as late as the kind's events are to come at that moment.
pub(super) fn pass_on(body: Incoming, plural: String, faults: Arc<Faults>) -> Answer {
    let (sender, events) = mpsc::unbounded_channel();
    let way = Way { events, ending: faults.ending_of(&plural) };
    tokio::spawn(take_in(body, plural, faults, sender));
    let frames = unfold(Some(way), async |way| {
        let mut way = way?;
        let ended = tokio::select! {
            event = next(&mut way.events) => match event {
                Some(bytes) => return Some((Ok(Frame::data(bytes)), Some(way))),
                // The server ended it.
                None => return None,
            },
            _ = way.ending.changed() => way.ending.borrow().1,
        };
        Some((last(ended), None))
    });
    StreamBody::new(frames).boxed_unsync()
}

async fn next(events: &mut mpsc::UnboundedReceiver<Event>) -> Option<Bytes> {
    let event = events.recv().await?;
    sleep_until(event.due).await;
    drop(event.way);
    Some(event.bytes)
}

fn last(ending: Ending) -> io::Result<Frame<Bytes>> {
    match ending {
        Ending::Broken => Err(io::ErrorKind::ConnectionReset.into()),
        Ending::Expired => Ok(Frame::data(Bytes::from_static(EXPIRED.as_bytes()))),
    }
}

async fn take_in(
    mut body: Incoming,
    plural: String,
    faults: Arc<Faults>,
    to: mpsc::UnboundedSender<Event>,
) {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = to.closed() => return,
        };
        let Some(Ok(frame)) = frame else { return };
        let Ok(bytes) = frame.into_data() else { continue };
        let due = Instant::now() + faults.delay_of(&plural);
        if to.send(Event { due, bytes, way: faults.sets_out() }).is_err() {
            return;
        }
    }
}
