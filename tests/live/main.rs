// SPDX-License-Identifier: Apache-2.0
//! Tests in a real cluster: kube-apiserver, kubectl and helm as users have them, Postern's own binary, Pods that are
//! processes.
//!
//! Every test is ignored by default; `cargo xtask cluster test` makes a cluster and runs them inside it.
