// SPDX-License-Identifier: Apache-2.0
//! What one request came to: told once, when the last byte of its answer is gone, for the counters and the access log.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use http::Version;
use postern_snapshot::{Backend, Route};

use crate::metrics::Reason;
use crate::runtime::TenantRuntime;

/// One request and its answer.
pub(crate) struct Finished<'a> {
    /// Whose it was; nothing if no tenant owns the host.
    pub(crate) tenant: Option<&'a TenantRuntime>,
    /// The status that the client got.
    pub(crate) status: u16,
    /// Why, if the answer is Postern's own.
    pub(crate) reason: Option<Reason>,
    /// When its first byte came, by `Worker::clock`.
    pub(crate) started: Instant,
    /// Bytes of the request's body.
    pub(crate) request_bytes: u64,
    /// Bytes of the answer's body.
    pub(crate) response_bytes: u64,
    /// Who answered, if it was a backend.
    pub(crate) answerer: Option<Answerer<'a>>,
    /// What the access log wants to know of the request; nothing where there is no log.
    pub(crate) noted: Option<&'a Noted>,
}

/// The backend that answered, or failed to.
#[derive(Clone, Copy)]
pub(crate) struct Answerer<'a> {
    /// By which route.
    pub(crate) route: &'a Route,
    /// Which backend.
    pub(crate) backend: &'a Backend,
    /// Which of its endpoints, if one was reached.
    pub(crate) endpoint: Option<SocketAddr>,
    /// The status that it answered with; 0 if it did not.
    pub(crate) status: u16,
    /// From the first byte sent to the head of its answer.
    pub(crate) duration: Duration,
    /// How often another endpoint had to be tried.
    pub(crate) retries: u32,
}

/// What is copied out of a request's head for the access log, and only where `Worker::logs` says that there is one.
/// Authorization and Cookie have no place here.
pub(crate) struct Noted {
    /// When the head came.
    pub(crate) at: SystemTime,
    /// HTTP/1.0, 1.1, 2.
    pub(crate) version: Version,
    /// The method.
    pub(crate) method: Box<str>,
    /// The authority as the client wrote it.
    pub(crate) authority: Box<str>,
    /// The path and query as the client wrote them.
    pub(crate) target: Box<str>,
    /// `Referer`, as it came.
    pub(crate) referer: Box<[u8]>,
    /// `User-Agent`, as it came.
    pub(crate) user_agent: Box<[u8]>,
}
