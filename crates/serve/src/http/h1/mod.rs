// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1, both halves, on `httparse`: strict where two readers could differ, and one copy of a message at most.
//!
//! A request and its answer are moved by one task, the client connection's: no channel, no further task, and on the
//! usual way four system calls (read, write, read, write).

pub(crate) mod audit;
pub(crate) mod body;
mod bridge;
pub(crate) mod chunked;
mod deadline;
mod encode;
pub(crate) mod head;
pub(crate) mod intake;
pub(crate) mod pipe;
mod relay;
mod request;
pub(crate) mod response;
pub(crate) mod server;
mod upstream;
pub(crate) mod wire;
