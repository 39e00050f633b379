// SPDX-License-Identifier: Apache-2.0
//! An API server that says what a test tells it to, word by word.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream::unfold;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use kube::Client;
use kube::client::Body;
use tokio::sync::mpsc;

use crate::cluster::connection::Connections;
use crate::cluster::{Cluster, ClusterOptions, Health};

type Chunks = mpsc::UnboundedReceiver<Bytes>;

/// What is answered to one request.
enum Answer {
    Status(u16),
    /// A status, and for how many seconds not to ask again.
    Later(u16, u64),
    Chunks(Chunks),
}

#[derive(Default)]
struct Script {
    /// Answers by path, in the order of the requests.
    answers: HashMap<String, VecDeque<Answer>>,
    /// Every request so far.
    asked: Vec<String>,
    /// Keeps streams open.
    open: Vec<Stream>,
    /// Nothing connects.
    away: bool,
}

/// A scripted API server.  What no script is for is empty, optional kinds are not there, and watches are silent.
#[derive(Clone, Default)]
pub(super) struct Fake(Arc<Mutex<Script>>);

/// One answer that goes on, until this is dropped.
#[derive(Clone)]
pub(super) struct Stream(mpsc::UnboundedSender<Bytes>);

impl Fake {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Watches this server.
    pub(super) fn watch(&self, options: &ClusterOptions) -> Cluster {
        Cluster::watch(options, self.connections(), Health::new())
    }

    /// Connections to this server.
    pub(super) fn connections(&self) -> Connections {
        let fake = self.clone();
        let open = Arc::new(move || {
            let fake = fake.clone();
            Ok(Client::new(
                tower::service_fn(move |request| std::future::ready(fake.answer(&request))),
                "default",
            ))
        });
        Connections::new(open).expect("opening does not fail")
    }

    /// The next request to `path` is answered with a status.
    pub(super) fn status(&self, path: &str, code: u16) {
        self.push(path, Answer::Status(code));
    }

    /// The next request to `path` is answered with a status, and not to ask again for so many seconds.
    pub(super) fn later(&self, path: &str, code: u16, seconds: u64) {
        self.push(path, Answer::Later(code, seconds));
    }

    /// The server ends, and every connection with it.
    pub(super) fn goes_away(&self) {
        let mut script = self.script();
        script.away = true;
        script.open.clear();
    }

    /// It is there again.
    pub(super) fn comes_back(&self) {
        self.script().away = false;
    }

    /// How many requests came so far.
    pub(super) fn count(&self) -> usize {
        self.script().asked.len()
    }

    /// The next request to `path` is answered bit by bit.
    pub(super) fn stream(&self, path: &str) -> Stream {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.push(path, Answer::Chunks(receiver));
        Stream(sender)
    }

    /// The next request to `path` is answered by a whole streamed list, and silence.
    pub(super) fn list(&self, path: &str, objects: &[(&str, &str, u64, &str)], version: u64) {
        let stream = self.stream(path);
        for (namespace, name, version, more) in objects {
            stream.added(namespace, name, *version, more);
        }
        stream.bookmark(version, true);
        self.script().open.push(stream);
    }

    /// The next request to `path` is answered by this text.
    pub(super) fn text(&self, path: &str, text: &str) {
        self.stream(path).say(text);
    }

    /// The requests to `path` so far, without it.
    pub(super) fn asked(&self, path: &str) -> Vec<String> {
        let script = self.script();
        let to_it = script.asked.iter().filter_map(|asked| {
            let (own, query) = asked.split_once('?').unwrap_or((asked, ""));
            (own == path).then(|| query.to_owned())
        });
        to_it.collect()
    }

    fn push(&self, path: &str, answer: Answer) {
        self.script().answers.entry(path.to_owned()).or_default().push_back(answer);
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(
        &self,
        request: &Request<Body>,
    ) -> io::Result<Response<UnsyncBoxBody<Bytes, Infallible>>> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let mut script = self.script();
        script.asked.push(request.uri().to_string());
        if script.away {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let scripted = script.answers.get_mut(path).and_then(VecDeque::pop_front);
        let optional = ["referencegrants", "tenants", "hostclaims"];
        let answer = scripted.unwrap_or_else(|| {
            if optional.iter().any(|plural| path.ends_with(plural)) || !query.contains("watch=true")
            {
                return Answer::Status(404);
            }
            let (sender, receiver) = mpsc::unbounded_channel();
            let stream = Stream(sender);
            if query.contains("sendInitialEvents") {
                stream.bookmark(1, true);
            }
            script.open.push(stream);
            Answer::Chunks(receiver)
        });
        let mut response = Response::builder();
        if let Answer::Later(_, seconds) = &answer {
            response = response.header("retry-after", *seconds);
        }
        let (code, chunks) = match answer {
            Answer::Chunks(chunks) => (200, chunks),
            Answer::Status(code) | Answer::Later(code, _) => {
                let (sender, receiver) = mpsc::unbounded_channel();
                Stream(sender).say(&format!(r#"{{"kind":"Status","code":{code}}}"#));
                (code, receiver)
            }
        };
        let frames = unfold(chunks, |mut chunks| async move {
            let chunk = chunks.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(chunk)), chunks))
        });
        let body = StreamBody::new(frames).boxed_unsync();
        Ok(response.status(code).body(body).expect("the code is one"))
    }
}

impl Stream {
    pub(super) fn added(&self, namespace: &str, name: &str, version: u64, more: &str) {
        self.event("ADDED", &object(namespace, name, version, more));
    }

    pub(super) fn modified(&self, namespace: &str, name: &str, version: u64, more: &str) {
        self.event("MODIFIED", &object(namespace, name, version, more));
    }

    pub(super) fn deleted(&self, namespace: &str, name: &str, version: u64) {
        self.event("DELETED", &object(namespace, name, version, ""));
    }

    pub(super) fn bookmark(&self, version: u64, ends_list: bool) {
        let annotations =
            if ends_list { r#","annotations":{"k8s.io/initial-events-end":"true"}"# } else { "" };
        let object = format!(r#"{{"metadata":{{"resourceVersion":"{version}"{annotations}}}}}"#);
        self.event("BOOKMARK", &object);
    }

    pub(super) fn error(&self, code: u16) {
        self.event("ERROR", &format!(r#"{{"kind":"Status","code":{code}}}"#));
    }

    /// Says something in two pieces, as networks do.
    pub(super) fn say(&self, text: &str) {
        let (head, tail) = text.split_at(text.len() / 2);
        for piece in [head, tail] {
            // Where nobody listens any more, that is what the test is about.
            let _ = self.0.send(Bytes::copy_from_slice(piece.as_bytes()));
        }
    }

    fn event(&self, kind: &str, object: &str) {
        self.say(&format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"));
    }
}

/// An object with these fields besides its metadata.
pub(super) fn object(namespace: &str, name: &str, version: u64, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        r#"{{"metadata":{{"namespace":"{namespace}","name":"{name}","uid":"u-{name}","resourceVersion":"{version}","managedFields":[{{"manager":"x"}}]}}{comma}{more}}}"#
    )
}
