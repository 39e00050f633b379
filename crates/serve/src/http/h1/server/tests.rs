// SPDX-License-Identifier: Apache-2.0
//! Real sockets: a client's bytes go in, and what a raw backend sees and the client gets is compared byte by byte.

mod bodies;
mod bridge;
mod connections;
mod fields;
mod refusals;
mod stage;
mod upgrades;
