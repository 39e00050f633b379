// SPDX-License-Identifier: Apache-2.0
//! A Service's port, resolved to addresses.

use std::net::SocketAddr;
use std::sync::Arc;

use postern_model::AppProtocol;

/// Which port of which Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendKey {
    /// The Service's namespace.
    pub namespace: Arc<str>,
    /// The Service's name.
    pub service: Arc<str>,
    /// The number of the Service's port.
    pub port: u16,
}

/// The number of a backend among those of its tenant.  Stable while the backend is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendSlot(pub u32);

/// Where requests of a route go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Which port of which Service.
    pub key: BackendKey,
    /// What is spoken there.
    pub protocol: AppProtocol,
    /// The name that the endpoint's certificate must have, where TLS is spoken: `SERVICE.NAMESPACE.svc`.
    pub server_name: Arc<str>,
    /// Whether the client's Host is passed on (else the endpoint's address is sent).
    pub pass_host_header: bool,
    /// The endpoints that serve, sorted, without duplicates.
    pub endpoints: Arc<[SocketAddr]>,
}
