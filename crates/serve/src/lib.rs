// SPDX-License-Identifier: Apache-2.0
//! Connections and a `Snapshot` in, answers out.
//!
//! Thread per core: each worker is a current-thread runtime with its own `SO_REUSEPORT` sockets, upstream pools and
//! counters.  Nothing on the request path takes a lock or wakes another thread.  In this crate there is no expression
//! that reaches a route, a certificate or a backend without a `postern_snapshot::Admission`.

pub mod config;
pub mod edge;
pub mod metrics;
pub mod published;

mod accept;
mod access_log;
mod balance;
mod buffer;
mod clock;
mod connection;
mod descriptors;
mod dial;
mod drain;
mod exchange;
mod finished;
#[cfg(test)]
mod fixture;
mod forward;
mod forwarded;
mod gate;
mod handshake;
mod held_head;
mod hops;
mod http;
mod in_flight;
mod io;
mod listener;
mod of_tenants;
mod pool;
mod preface;
mod rate;
mod resolve_name;
mod respond;
mod roster;
mod runtime;
mod server_config;
mod thread;
mod tickets;
mod worker;

pub use access_log::LogError;
pub use config::{
    AccessLogFormat, Connections, EdgeConfig, EntryPointConfig, ForwardedHeaders, HttpLimits,
    RequestsInFlight, STALLED_AFTER, Timeouts, UpstreamConfig,
};
pub use edge::{Edge, StartError};
pub use metrics::Metrics;
pub use published::Published;

/// For fuzz targets; not a part of the interface.
#[doc(hidden)]
pub mod fuzz {
    /// Reads bytes as an unknown client's handshake: true if they begin with a ClientHello for a name that can be one.
    pub fn client_hello(bytes: &[u8]) -> bool {
        matches!(crate::handshake::read_hello(bytes), Some(Ok(_)))
    }

    /// Reads bytes as an HTTP/1.1 request: true if it is one that would be passed on.  Panics if what a backend would
    /// be sent is not exactly that one request.
    pub fn h1_request(bytes: &[u8]) -> bool {
        use crate::http::h1::audit;
        assert!(audit::is_one_request(bytes), "a backend would see another request");
        audit::relayed(bytes).is_some()
    }

    /// Reads bytes as an HTTP/1.1 answer: true if it is a complete one.
    pub fn h1_response(bytes: &[u8]) -> bool {
        matches!(crate::http::h1::audit::response(bytes), Ok(Some(_)))
    }
}
