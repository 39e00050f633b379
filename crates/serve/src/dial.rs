// SPDX-License-Identifier: Apache-2.0
//! Connects to an endpoint of a backend, with TLS where the backend speaks it.
//!
//! What a TLS session leaves behind (tickets, cached chains) stays with the tenant: every tenant has a client
//! configuration of its own, so that nothing learnt on one tenant's connection is offered on another's (wall W6).

use std::cell::OnceCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use postern_model::AppProtocol;
use postern_snapshot::Backend;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::UpstreamConfig;
use crate::io::Io;
use crate::listener::is_exhaustion;
use crate::runtime::TenantRuntime;
use crate::worker::Worker;

/// Sessions that a tenant keeps for resuming, on one worker: one for each of its TLS backends, most of the time.
const SESSIONS: usize = 32;

/// The system's roots, read once and by the first backend that speaks TLS.
static SYSTEM_ROOTS: LazyLock<RootCertStore> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    // A root that cannot be read or parsed is one that nothing is verified against: closed, not open.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
});

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// Why an endpoint cannot be reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// No connection, or no handshake, within `dialTimeout`.
    #[error("no connection to {endpoint} within the dial timeout")]
    TimedOut {
        /// Which endpoint.
        endpoint: SocketAddr,
    },
    /// The connection was refused, or there is no way there.
    #[error("cannot connect to {endpoint}")]
    Connect {
        /// Which endpoint.
        endpoint: SocketAddr,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// It is this very process that listens there.
    #[error("{endpoint} is a socket of this process")]
    Ourselves {
        /// Which endpoint.
        endpoint: SocketAddr,
    },
    /// The handshake: the certificate is not one that is trusted for the backend's name, most of the time.
    #[error("no TLS with {endpoint}")]
    Handshake {
        /// Which endpoint.
        endpoint: SocketAddr,
        /// What rustls said.
        #[source]
        source: io::Error,
    },
    /// The backend has a name that no certificate can have.
    #[error("the backend's name cannot be verified")]
    ServerName(#[source] InvalidDnsNameError),
    /// The TLS configuration cannot be made.
    #[error("the TLS configuration is unusable")]
    Configuration(#[source] rustls::client::VerifierBuilderError),
    /// The system's roots could not be read, because the worker is stopping.
    #[error("the worker is stopping")]
    Stopping,
}

/// A tenant's TLS towards its backends, on one worker; made by the first backend that needs it.
#[derive(Default)]
pub(crate) struct BackendTls {
    config: OnceCell<Arc<ClientConfig>>,
}

/// Connects to `endpoint`, one of `backend`'s, within `dialTimeout`.
pub(crate) async fn dial(
    worker: &Worker,
    runtime: &TenantRuntime,
    backend: &Backend,
    endpoint: SocketAddr,
) -> Result<Io, DialError> {
    let upstream = &worker.config.upstream;
    let socket = reach(worker, endpoint);
    let connecting = connect(socket, upstream, &runtime.backend_tls, backend, endpoint);
    if upstream.dial_timeout == Duration::ZERO {
        return connecting.await;
    }
    let timed_out = DialError::TimedOut { endpoint };
    tokio::time::timeout(upstream.dial_timeout, connecting).await.unwrap_or(Err(timed_out))
}

async fn connect(
    socket: impl Future<Output = io::Result<TcpStream>>,
    upstream: &UpstreamConfig,
    tls: &BackendTls,
    backend: &Backend,
    endpoint: SocketAddr,
) -> Result<Io, DialError> {
    let tcp = socket.await.and_then(|tcp| {
        tcp.set_nodelay(true)?;
        Ok(tcp)
    });
    let tcp = tcp.map_err(|source| DialError::Connect { endpoint, source })?;
    // Before a byte is sent: a route to an entry point would go round for ever, one to the admin server shows it to
    // everybody (I14).
    if is_ourselves(&upstream.own_sockets, &tcp) {
        return Err(DialError::Ourselves { endpoint });
    }
    if backend.protocol != AppProtocol::Https {
        return Ok(Io::from(tcp));
    }
    let name = ServerName::try_from(backend.server_name.to_string());
    let name = name.map_err(DialError::ServerName)?;
    let connector = TlsConnector::from(tls.config(upstream).await?);
    let stream = connector.connect(name, tcp).await;
    stream.map(Io::from).map_err(|source| DialError::Handshake { endpoint, source })
}

/// A socket.  Where no descriptor is left for it, that of a client that has no request in flight is taken: this request
/// has a client that waits for its answer.
async fn reach(worker: &Worker, endpoint: SocketAddr) -> io::Result<TcpStream> {
    match TcpStream::connect(endpoint).await {
        Err(error) if is_exhaustion(&error) && worker.roster.make_room() => {
            // It is closed in this turn of the loop.
            tokio::task::yield_now().await;
            TcpStream::connect(endpoint).await
        }
        reached => reached,
    }
}

/// Whether the other end of a connection is one of these sockets, under whichever of this machine's addresses.
fn is_ourselves(own: &[SocketAddr], tcp: &TcpStream) -> bool {
    let Ok(peer) = tcp.peer_addr() else { return false };
    let address = peer.ip().to_canonical();
    own.iter().filter(|own| own.port() == peer.port()).any(|own| {
        own.ip().to_canonical() == address
            || own.ip().is_unspecified() && (address.is_loopback() || is_here(tcp, address))
    })
}

/// A connection between two processes of one machine has the same address at both ends.
fn is_here(tcp: &TcpStream, address: IpAddr) -> bool {
    tcp.local_addr().is_ok_and(|local| local.ip().to_canonical() == address)
}

impl BackendTls {
    async fn config(&self, upstream: &UpstreamConfig) -> Result<Arc<ClientConfig>, DialError> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        if !upstream.insecure_skip_verify {
            // Reading files and parsing a hundred certificates is nothing for a thread that serves others.
            let read = tokio::task::spawn_blocking(|| LazyLock::force(&SYSTEM_ROOTS));
            read.await.map_err(|_| DialError::Stopping)?;
        }
        let config = Arc::new(client_config(upstream)?);
        Ok(self.config.get_or_init(|| config).clone())
    }
}

fn client_config(upstream: &UpstreamConfig) -> Result<ClientConfig, DialError> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for both TLS 1.2 and 1.3");
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier(upstream)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}

fn verifier(upstream: &UpstreamConfig) -> Result<Arc<dyn ServerCertVerifier>, DialError> {
    if upstream.insecure_skip_verify {
        return Ok(Arc::new(Unverified));
    }
    let mut roots = SYSTEM_ROOTS.clone();
    roots.add_parsable_certificates(upstream.root_certificates.iter().cloned());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone()).build();
    Ok(verifier.map_err(DialError::Configuration)?)
}

/// Believes every certificate, because the operator said `serversTransport.insecureSkipVerify`: clusters whose Pods
/// have self-signed certificates exist, and Traefik's users bring that setting along.  Off by default, and out of any
/// tenant's reach.  Signatures are verified all the same, so that the handshake is with whoever has the key.
#[derive(Debug)]
pub(crate) struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
