// SPDX-License-Identifier: Apache-2.0
//! A TLS client that verifies nothing, so that it never is the bottleneck: it measures servers of our own on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Which key exchange the client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// X25519 alone: what every server that is measured here knows.
    X25519,
    /// The post-quantum hybrid.
    X25519mlkem768,
}

/// What the client offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) version: ProtocolVersion,
    pub(crate) group: Group,
    pub(crate) resume: bool,
}

impl Default for Offer {
    fn default() -> Self {
        Self { version: ProtocolVersion::TLSv1_3, group: Group::X25519, resume: false }
    }
}

/// A connector that makes this offer, for HTTP/1.1.
pub(crate) fn connector(offer: Offer) -> Result<TlsConnector> {
    connector_for(offer, b"http/1.1")
}

/// A connector that makes this offer, for one protocol.
pub(crate) fn connector_for(offer: Offer, protocol: &[u8]) -> Result<TlsConnector> {
    let group = match offer.group {
        Group::X25519 => aws_lc_rs::kx_group::X25519,
        Group::X25519mlkem768 => aws_lc_rs::kx_group::X25519MLKEM768,
    };
    let provider = CryptoProvider { kx_groups: vec![group], ..aws_lc_rs::default_provider() };
    let version = match offer.version {
        ProtocolVersion::TLSv1_2 => &rustls::version::TLS12,
        _ => &rustls::version::TLS13,
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unverified))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    if !offer.resume {
        config.resumption = Resumption::disabled();
    }
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Connects from the n-th address of loopback (so that ports do not run out) and makes the handshake.
pub(crate) async fn connect(
    connector: &TlsConnector,
    to: SocketAddr,
    name: &str,
    from: u32,
) -> Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    // The kernel then chooses the port at connect, per pair of addresses.
    let [_, b, c, d] = (from % 0x00ff_fff0 + 2).to_be_bytes();
    socket.bind((Ipv4Addr::new(127, b, c, d), 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(connector.connect(ServerName::try_from(name)?.to_owned(), stream).await?)
}

/// A request as a browser would send it, with five headers of its own.
pub(crate) fn request(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
         Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
         Accept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef\r\n\r\n"
    )
}

/// Sends one request and reads its answer, which must be a 200 with a Content-Length.
pub(crate) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    buffer.clear();
    let mut missing = None;
    while missing.is_none_or(|end| buffer.len() < end) {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection ended before the answer did");
        }
        if missing.is_none() {
            missing = length(buffer)?;
        }
    }
    Ok(())
}

/// The length of head and body together, once the head is there.
fn length(buffer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&buffer[..head])?;
    if !text.starts_with("HTTP/1.1 200") {
        bail!("answered {}", text.lines().next().unwrap_or_default());
    }
    let value = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value.trim())
    });
    let length: usize = value.context("an answer without Content-Length")?.parse()?;
    Ok(Some(head + 4 + length))
}

#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PKCS1_SHA256,
        ]
    }
}
