// SPDX-License-Identifier: Apache-2.0
//! TLS clients that believe every certificate and say which one they were shown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, HandshakeKind, NamedGroup,
    SignatureScheme, SupportedProtocolVersion,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificate::fingerprint;
use crate::patience::within;

/// The provider of all tests.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A handshake to be made.
#[derive(Clone)]
pub struct Handshake {
    to: SocketAddr,
    name: Option<String>,
    alpn: Vec<Vec<u8>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    sessions: Option<Arc<dyn ClientSessionStore>>,
    reused: Option<Arc<ClientConfig>>,
    groups: Option<Vec<NamedGroup>>,
}

/// Why a handshake did not succeed.
#[derive(Debug)]
pub enum HandshakeError {
    /// The server sent this alert.
    Alert(AlertDescription),
    /// The connection ended, or something else.
    Other(io::Error),
}

/// A connection that stands.
pub type Connected = TlsStream<TcpStream>;

impl Handshake {
    /// With an address, without SNI.
    pub fn with(to: SocketAddr) -> Self {
        let versions = vec![&rustls::version::TLS13, &rustls::version::TLS12];
        Self {
            to,
            name: None,
            alpn: Vec::new(),
            versions,
            sessions: None,
            reused: None,
            groups: None,
        }
    }

    /// With this name as SNI.
    #[must_use]
    pub fn sni(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Offers a protocol, after those offered before.
    #[must_use]
    pub fn alpn(mut self, protocol: &str) -> Self {
        self.alpn.push(protocol.as_bytes().to_vec());
        self
    }

    /// TLS 1.2 only.
    #[must_use]
    pub fn tls12(mut self) -> Self {
        self.versions = vec![&rustls::version::TLS12];
        self
    }

    /// TLS 1.3 only.
    #[must_use]
    pub fn tls13(mut self) -> Self {
        self.versions = vec![&rustls::version::TLS13];
        self
    }

    /// Offers these groups for key exchange, and no others.
    #[must_use]
    pub fn groups(mut self, groups: &[NamedGroup]) -> Self {
        self.groups = Some(groups.to_vec());
        self
    }

    /// Keeps and offers sessions.
    #[must_use]
    pub fn sessions(mut self, store: Arc<dyn ClientSessionStore>) -> Self {
        self.sessions = Some(store);
        self
    }

    /// With this very configuration: rustls resumes only under the one that the ticket came with.
    #[must_use]
    pub fn reusing(mut self, config: &Arc<ClientConfig>) -> Self {
        self.reused = Some(config.clone());
        self
    }

    /// Makes the handshake.
    pub async fn connect(&self) -> Result<Connected, HandshakeError> {
        let stream = TcpStream::connect(self.to).await.map_err(HandshakeError::Other)?;
        self.over(stream).await
    }

    /// Makes the handshake over a connection.
    pub async fn over(&self, stream: TcpStream) -> Result<Connected, HandshakeError> {
        let _ = stream.set_nodelay(true);
        let name = match &self.name {
            Some(name) => ServerName::try_from(name.clone()).expect("a test's SNI is a name"),
            // rustls sends no SNI for an address.
            None => ServerName::from(self.to.ip()),
        };
        let config = self.reused.clone().unwrap_or_else(|| Arc::new(self.config()));
        let connector = TlsConnector::from(config);
        let handshake = within("the handshake", connector.connect(name, stream)).await;
        handshake.map_err(HandshakeError::from)
    }

    /// The alert that the handshake ends with; fails the test if it succeeds.
    pub async fn refused(&self) -> AlertDescription {
        match self.connect().await {
            Ok(stream) => panic!("shown the certificate {}", shown(&stream)),
            Err(HandshakeError::Alert(alert)) => alert,
            Err(HandshakeError::Other(error)) => panic!("no alert: {error}"),
        }
    }

    /// The fingerprint of the leaf that is shown.
    pub async fn fingerprint(&self) -> String {
        shown(&self.connect().await.expect("the handshake succeeds"))
    }

    /// The client configuration.
    pub fn config(&self) -> ClientConfig {
        let mut provider = CryptoProvider::clone(&provider());
        if let Some(groups) = &self.groups {
            provider.kx_groups.retain(|group| groups.contains(&group.name()));
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&self.versions)
            .expect("the provider has suites for both versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(BelieveAll))
            .with_no_client_auth();
        config.alpn_protocols = self.alpn.clone();
        config.enable_early_data = true;
        config.resumption = match &self.sessions {
            Some(store) => Resumption::store(store.clone()),
            None => Resumption::disabled(),
        };
        config
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::AlertReceived(alert)) => Self::Alert(*alert),
            _ => Self::Other(error),
        }
    }
}

/// The fingerprint of the leaf that a connection shows.
pub fn shown(stream: &Connected) -> String {
    let (_, connection) = stream.get_ref();
    let leaf = connection.peer_certificates().and_then(|chain| chain.first());
    leaf.map(|leaf| fingerprint(leaf)).unwrap_or_default()
}

/// Whether a connection resumed a session.
pub fn resumed(stream: &Connected) -> bool {
    stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}

/// Believes every certificate.
#[derive(Debug)]
struct BelieveAll;

impl ServerCertVerifier for BelieveAll {
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
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
