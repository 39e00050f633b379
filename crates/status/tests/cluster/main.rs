// SPDX-License-Identifier: Apache-2.0
//! The whole control line against a real Kubernetes API: watch, compile, status.  Skipped without
//! POSTERN_TEST_KUBECONFIG, the kubeconfig of a new cluster that may be written to (`cargo xtask cluster run -- CMD`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod objects;
mod replica;
mod status;
