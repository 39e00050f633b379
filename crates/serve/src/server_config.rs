// SPDX-License-Identifier: Apache-2.0
//! The rustls configuration of one TLS profile (wall W4): its certificate and no other, its tickets and no others.

use std::sync::{Arc, LazyLock, OnceLock};

use postern_model::{KeyExchangeGroup, KeyExchangeGroups};
use postern_snapshot::TlsProfile;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig};

use crate::tickets::Tickets;

/// Named, not the process's default: another library in the binary cannot change what is negotiated.  Its suites are all
/// forward secret and authenticated; of those, what costs least comes first: SHA-384 costs a handshake a fifth more.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = aws_lc_rs::default_provider();
    // A stable sort: the rest stays in rustls' order.
    provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
    Arc::new(provider)
});

/// The same with each choice of groups that somebody has made: what they share is no secret, and there are few.
static CHOSEN: [OnceLock<Arc<CryptoProvider>>; KeyExchangeGroups::COUNT] =
    [const { OnceLock::new() }; KeyExchangeGroups::COUNT];

/// Which of the groups is used, rustls leaves to the client's order, as Go does since 1.24.
fn provider(groups: Option<KeyExchangeGroups>) -> &'static Arc<CryptoProvider> {
    let Some(groups) = groups else { return &PROVIDER };
    CHOSEN[groups.number()].get_or_init(|| {
        let kx_groups = groups.iter().map(offered).collect();
        Arc::new(CryptoProvider { kx_groups, ..CryptoProvider::clone(&PROVIDER) })
    })
}

fn offered(group: KeyExchangeGroup) -> &'static dyn SupportedKxGroup {
    match group {
        KeyExchangeGroup::X25519MlKem768 => kx_group::X25519MLKEM768,
        KeyExchangeGroup::SecP256r1MlKem768 => kx_group::SECP256R1MLKEM768,
        KeyExchangeGroup::X25519 => kx_group::X25519,
        KeyExchangeGroup::P256 => kx_group::SECP256R1,
        KeyExchangeGroup::P384 => kx_group::SECP384R1,
    }
}

fn is_aes_128(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}

/// Tickets after a TLS 1.3 handshake.  Each costs as much as sealing it; browsers that open several connections at once
/// ask for more by resuming, which earns another.
const TICKETS: usize = 1;

/// Makes the configuration of `profile`.
pub(crate) fn make(profile: &TlsProfile, tickets: &Tickets) -> Arc<ServerConfig> {
    let both: &[_] = &[&TLS13, &TLS12];
    let versions = if profile.demands().require_tls13 { &both[..1] } else { both };
    // It was read when it was declared; if it cannot be now, there is no handshake.
    let certificate = OnlyThis(profile.certificate().certified().ok().map(Arc::new));
    let mut config =
        ServerConfig::builder_with_provider(provider(profile.demands().key_exchange).clone())
            .with_protocol_versions(versions)
            .expect("the provider has suites and groups for both versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificate));
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A store would be shared by whoever shares the configuration; a ticket is bound to its keys.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    match tickets.of(profile) {
        Ok(set) => config.ticketer = set,
        // Without randomness for ticket keys there are full handshakes (or none), never weak keys.
        Err(_) => config.send_tls13_tickets = 0,
    }
    config.send_tls13_tickets = config.send_tls13_tickets.min(TICKETS);
    // 0-RTT can be replayed.
    config.max_early_data_size = 0;
    Arc::new(config)
}

/// The configuration for one client: `config`, but by the client's own order if ChaCha20 is first there, which is how a
/// device without instructions for AES says so.
pub(crate) fn for_client(config: &Arc<ServerConfig>, offered: &[CipherSuite]) -> Arc<ServerConfig> {
    // RFC 8701: unknown values come first on purpose.
    let first = offered.iter().find(|suite| !matches!(suite, CipherSuite::Unknown(_)));
    if !first.is_some_and(|suite| is_chacha20(*suite)) {
        return config.clone();
    }
    let mut theirs = ServerConfig::clone(config);
    theirs.ignore_client_order = false;
    Arc::new(theirs)
}

fn is_chacha20(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    )
}

#[derive(Debug)]
struct OnlyThis(Option<Arc<CertifiedKey>>);

impl ResolvesServerCert for OnlyThis {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}
