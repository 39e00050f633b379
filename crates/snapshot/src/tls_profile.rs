// SPDX-License-Identifier: Apache-2.0
//! How a host answers a ClientHello: with which certificate, demanding what (wall W4).

use std::sync::{Arc, OnceLock};

use postern_model::KeyExchangeGroups;
use rustls::ServerConfig;

use crate::certificate::Certificate;
use crate::scope::TenantScope;

/// What a host answers a ClientHello with.
#[derive(Clone, Debug)]
pub enum TlsDecision {
    /// A handshake under this profile.
    Serve(Arc<TlsProfile>),
    /// The alert `unrecognized_name`: never another certificate, never a weaker policy.
    Refuse(TlsRefusal),
}

/// Why a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsRefusal {
    /// No route of the host's owner brings a certificate for it.
    NoCertificate,
    /// The host's own certificate is missing, broken, or for other names.
    CertificateUnusable,
    /// None of the groups for key exchange that the operator allows the tenant is one that is offered.
    NoKeyExchange,
}

/// What a handshake demands of the client.  A ticket issued under other demands does not resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TlsDemands {
    /// TLS 1.3 only.
    pub require_tls13: bool,
    /// A secret from one of these groups; none: from one of those that are the default.
    pub key_exchange: Option<KeyExchangeGroups>,
}

/// Everything that a handshake needs: hosts share a profile only within one tenant, claim epoch, certificate and policy.
#[derive(Debug)]
pub struct TlsProfile {
    scope: TenantScope,
    epoch: u64,
    certificate: Arc<Certificate>,
    demands: TlsDemands,
    config: OnceLock<Arc<ServerConfig>>,
}

impl TlsProfile {
    /// A profile of `scope`'s tenant.
    pub fn new(
        scope: TenantScope,
        epoch: u64,
        certificate: Arc<Certificate>,
        demands: TlsDemands,
    ) -> Self {
        Self { scope, epoch, certificate, demands, config: OnceLock::new() }
    }

    /// Whose it is.
    pub fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// The epoch of the claims under which it serves.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The certificate.
    pub fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// What it demands of the client.
    pub fn demands(&self) -> TlsDemands {
        self.demands
    }

    /// The profile's own `ServerConfig`, made by the first handshake that needs it.
    pub fn config(&self, make: impl FnOnce(&Self) -> Arc<ServerConfig>) -> &Arc<ServerConfig> {
        self.config.get_or_init(|| make(self))
    }

    /// Whether hosts of both profiles may share a connection: same tenant, epoch, certificate and demands.
    pub fn shares_connections_with(&self, other: &Self) -> bool {
        self.scope == other.scope
            && self.epoch == other.epoch
            && self.demands == other.demands
            && self.certificate.fingerprint() == other.certificate.fingerprint()
    }
}
