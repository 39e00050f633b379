// SPDX-License-Identifier: Apache-2.0
//! Real sockets, real TLS, real clients and a real backend: what goes over the wire in both directions.

mod deadlines;
mod drain;
mod forwarded;
mod http1;
mod http2;
mod ip_versions;
mod nginx;
mod programs;
mod single_team;
mod upgrade;
mod upstream;
