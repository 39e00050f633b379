// SPDX-License-Identifier: Apache-2.0
//! Connections and a `Snapshot` in, answers out.
//!
//! Thread per core: each worker is a current-thread runtime with its own `SO_REUSEPORT` sockets, upstream pools and
//! counters.  Nothing on the request path takes a lock or wakes another thread.  In this crate there is no expression
//! that reaches a route, a certificate or a backend without a `postern_snapshot::Admission`.

pub mod config;
pub mod metrics;
pub mod published;

mod access_log;
mod clock;
mod connection;
mod dial;
mod drain;
mod finished;
mod http;
mod io;
mod runtime;
mod worker;

pub use config::{
    AccessLogFormat, EdgeConfig, EntryPointConfig, ForwardedHeaders, HttpLimits, Timeouts,
    UpstreamConfig,
};
pub use metrics::Metrics;
pub use published::Published;
