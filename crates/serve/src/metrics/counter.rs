// SPDX-License-Identifier: Apache-2.0
//! Numbers that one worker writes and the scraper reads, and the closed sets of labels that they are kept by.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.  One thread writes it, so adding is a load and a store, not a locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    /// What it stands at.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(Counter);

impl Gauge {
    /// Adds one.
    pub(crate) fn increment(&self) {
        self.0.add(1);
    }

    /// Takes one away.
    pub(crate) fn decrement(&self) {
        self.0.add(u64::MAX);
    }

    /// What it stands at.
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}

/// The upper bounds of the buckets, in microseconds: from a cached answer next door to a slow report.
pub(crate) const BUCKETS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// How long things took.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One more than there are bounds: the last is without bound.
    buckets: [Counter; BUCKETS.len() + 1],
    microseconds: Counter,
}

impl Histogram {
    /// Notes one duration.
    pub(crate) fn observe(&self, duration: Duration) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.iter().position(|bound| microseconds <= *bound);
        self.buckets[bucket.unwrap_or(BUCKETS.len())].increment();
        self.microseconds.add(microseconds);
    }

    /// The count of each bucket by itself, and the sum in microseconds.
    pub(crate) fn get(&self) -> ([u64; BUCKETS.len() + 1], u64) {
        (std::array::from_fn(|bucket| self.buckets[bucket].get()), self.microseconds.get())
    }
}

/// One counter for each value of a closed set of labels.
macro_rules! labels {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $label:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// How it is written in metrics and logs.
            pub(crate) fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }
    };
}

labels! {
    /// What is spoken on a client's connection.
    Protocol {
        /// Nothing yet: the handshake is going on, or no byte was read.
        Opening => "opening",
        /// HTTP/1.1 or HTTP/1.0.
        Http1 => "http/1.1",
        /// HTTP/2.
        Http2 => "h2",
    }
}

labels! {
    /// How a handshake ended.
    Handshake {
        /// With a new session.
        Full => "full",
        /// With an old session.
        Resumed => "resumed",
        /// With the alert `unrecognized_name`.
        Refused => "refused",
        /// The client broke it off, or did what TLS does not allow.
        Failed => "failed",
        /// It took longer than `readTimeout`.
        TimedOut => "timeout",
        /// Too many others of the same tenant were waiting, or connected.
        Dropped => "dropped",
        /// The tenant had begun as many in that second as it may.
        Limited => "limited",
    }
}

labels! {
    /// Why Postern answered by itself, or did not answer.
    Reason {
        /// 400: not a request that two readers would read alike.
        BadRequest => "bad_request",
        /// 404: no tenant owns the host, or none of its routes matches.
        NotFound => "not_found",
        /// 421: the host may not be asked for on this connection.
        Misdirected => "misdirected",
        /// 421: the connection lost its ground.
        Revoked => "revoked",
        /// 503: the route is closed, because something that it needs is missing.
        Closed => "closed",
        /// 503: the backend has no endpoint.
        NoEndpoint => "no_endpoint",
        /// 502: the backend cannot be reached, or answers what is no answer.
        BadGateway => "bad_gateway",
        /// 504: the backend took too long.
        GatewayTimeout => "gateway_timeout",
        /// 429: the tenant has as many requests in flight as it may have.
        TooManyRequests => "too_many_requests",
        /// 429: the tenant has begun as many requests in this second as it may.
        RequestRate => "request_rate",
        /// Closed: the tenant has as many connections as it may have, with a request on each.
        TooManyConnections => "too_many_connections",
        /// 508: the request has passed Postern too often.
        LoopDetected => "loop_detected",
        /// 408, or closed: the client took too long.
        ClientTimeout => "client_timeout",
        /// Alert: the ClientHello names no host.
        NoName => "no_name",
        /// Alert: the ClientHello names what cannot be a hostname.
        InvalidName => "invalid_name",
        /// Alert: the ClientHello names a host that no tenant owns.
        UnknownName => "unknown_name",
        /// Alert: the host has no certificate.
        NoCertificate => "no_certificate",
        /// Alert: the host's certificate is unusable.
        CertificateUnusable => "certificate_unusable",
        /// Alert: none of the groups for key exchange that the operator allows the tenant is offered.
        NoKeyExchange => "no_key_exchange",
        /// Closed: too many handshakes of the same tenant were waiting.
        HandshakeQueueFull => "handshake_queue_full",
        /// Closed: the tenant has begun as many handshakes in this second as it may.
        HandshakeRate => "handshake_rate",
    }
}

labels! {
    /// Why a client's connection was closed although its client did nothing wrong: there was no place for all.
    Shed {
        /// It had not had one whole head of a request.
        Silent => "silent",
        /// It had waited for its next request for longest.
        Idle => "idle",
        /// It had waited for longest of a tenant's that had as many as it may have.
        Tenant => "tenant",
        /// Its client took nothing of an answer, or sent nothing of a request.
        Stalled => "stalled",
        /// It was new, and all others had requests in flight.
        Newcomer => "newcomer",
    }
}

labels! {
    /// What happened towards a backend.
    Upstream {
        /// A connection was made.
        Connected => "connected",
        /// A connection was used again.
        Reused => "reused",
        /// A connection could not be made.
        ConnectFailed => "connect_failed",
        /// A connection broke before the answer was complete.
        Broken => "broken",
        /// A request of which no byte was sent was tried on another endpoint.
        Retried => "retried",
        /// The head of the answer came too late.
        TimedOut => "timed_out",
    }
}

/// The classes of status codes, as Prometheus' users like to see them.
pub(crate) const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The index of a status code's class.
pub(crate) fn class(status: u16) -> usize {
    let class = usize::from(status / 100);
    if class < CLASSES.len() { class } else { 0 }
}
