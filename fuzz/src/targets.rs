// SPDX-License-Identifier: Apache-2.0
//! The body of each fuzz target: takes any bytes and panics when a promise is broken.
//!
//! `tests/fuzz_seeds` compiles these files too and replays `fuzz/seeds`.  Each target is a feature, so that none has to
//! be built with what only another needs: instrumented crates take minutes.

#[cfg(feature = "client_hello")]
pub mod client_hello;
#[cfg(feature = "h1_request")]
pub mod h1_request;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "path")]
pub mod path;
#[cfg(feature = "yaml")]
pub mod yaml;
