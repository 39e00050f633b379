// SPDX-License-Identifier: Apache-2.0
//! Tests in a real cluster: kube-apiserver, kubectl and helm as users have them, Postern's own binary, Pods that are
//! processes.
//!
//! Every test is ignored by default; `cargo xtask cluster test` makes a cluster and runs them inside it.  Tests run
//! beside each other, each in namespaces and under hostnames of its own; one that stops the API server runs alone.

mod api;
mod apply;
mod cable;
mod chart;
mod claims;
mod client;
mod clocks;
mod cluster;
mod faults;
mod grant;
mod hijack;
mod inside;
mod load;
mod nodes;
mod outage;
mod postern;
mod relay;
mod replicas;
mod restore;
mod revocation;
mod served;
mod status;
mod transfer;
mod yaml;
