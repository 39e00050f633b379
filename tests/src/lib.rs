// SPDX-License-Identifier: Apache-2.0
//! What the golden, isolation and wire tests share: an edge started from Kubernetes YAML on free ports, echo backends
//! that can misbehave, and clients from raw bytes to HTTP/2.
//!
//! Nothing here sleeps for a fixed time: what is waited for is asked for again until it is there, or a deadline fails
//! the test.

pub mod answer;
pub mod backend;
pub mod certificate;
pub mod client;
pub mod declared;
pub mod edge;
pub mod hello;
pub mod http_message;
pub mod hyper_backend;
pub mod patience;
pub mod program;
pub mod raw;
pub mod sessions;
pub mod tls;
pub mod yaml;

pub use answer::Answer;
pub use backend::{Backend, Received, Reply};
pub use certificate::TestCertificate;
pub use declared::Declared;
pub use edge::{Edge, EdgeBuilder};
pub use hello::{ClientHello, HelloAnswer};
pub use hyper_backend::HyperBackend;
pub use raw::Raw;
pub use tls::{Handshake, HandshakeError};
