// SPDX-License-Identifier: Apache-2.0
//! HTTP/2, towards clients ([`server`]), on hyper and h2.

mod head;
mod life;
mod local;
mod request;
pub(crate) mod server;
mod stream;
mod turns;
mod websocket;

pub(crate) use local::Local;
pub(crate) use turns::Turns;

#[cfg(test)]
mod tests;
