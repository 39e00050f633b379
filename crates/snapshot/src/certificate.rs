// SPDX-License-Identifier: Apache-2.0
//! A certificate chain with its key, checked once when it is declared.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use postern_model::{Host, HostPattern, SecretBytes, Timestamp};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The most bytes of one PEM text (a Secret bomb is refused before it is parsed).
const MAX_PEM: usize = 64 * 1024;
/// The most certificates of a chain.
const MAX_CHAIN: usize = 10;
/// The most names of a certificate.
const MAX_NAMES: usize = 100;
/// The most bits of an RSA key: a handshake costs its owner's neighbours time.
const MAX_RSA_BITS: usize = 4096;

/// A chain and its private key, which belong together.
///
/// It keeps the texts, which the Secret has anyway, and not what was parsed from them: of many thousand hosts most have
/// no handshake for a long time, and a parsed key takes three times as much memory.
pub struct Certificate {
    chain: SecretBytes,
    key: SecretBytes,
    names: Box<[HostPattern]>,
    not_before: Timestamp,
    not_after: Timestamp,
    fingerprint: [u8; 32],
    handshake_cost: u32,
}

impl Certificate {
    /// Takes PEM texts, as in `tls.crt` and `tls.key`: the leaf first, PKCS#8, PKCS#1 or SEC1.
    pub fn parse(chain: SecretBytes, key: SecretBytes) -> Result<Self, CertificateError> {
        let certified = certify(&chain.expose(), &key.expose())?;
        let leaf = certified.cert.first().ok_or(CertificateError::ChainEmpty)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::Leaf)?;
        let public = parsed.public_key().parsed().map_err(|_| CertificateError::Leaf)?;
        if matches!(public, PublicKey::RSA(_)) && public.key_size() > MAX_RSA_BITS {
            return Err(CertificateError::KeyTooLong);
        }
        let handshake_cost = handshake_cost(&public);
        let names = names(&parsed)?;
        let validity = parsed.validity();
        let not_before = Timestamp(validity.not_before.timestamp());
        let not_after = Timestamp(validity.not_after.timestamp());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, leaf).as_ref());
        certified.keys_match().map_err(|_| CertificateError::KeyMismatch)?;
        Ok(Self { chain, key, names, not_before, not_after, fingerprint, handshake_cost })
    }

    /// The chain and the key, for the handshake: parsed anew each time, 20 µs for ECDSA and 130 µs for RSA-2048, so
    /// whoever shakes hands keeps them.
    pub fn certified(&self) -> Result<CertifiedKey, CertificateError> {
        certify(&self.chain.expose(), &self.key.expose())
    }

    /// The DNS names of the leaf; its common name if it has none.
    pub fn names(&self) -> &[HostPattern] {
        &self.names
    }

    /// Whether the leaf is for every name of `pattern` (a wildcard is covered only by the same wildcard).
    pub fn covers(&self, pattern: &HostPattern) -> bool {
        self.names.iter().any(|name| match pattern {
            HostPattern::Exact(host) => name.matches(host),
            HostPattern::Wildcard(_) => name == pattern,
        })
    }

    /// Whether the leaf names `host` itself, not only through a wildcard.
    pub fn names_exactly(&self, host: &Host) -> bool {
        self.names.iter().any(|name| matches!(name, HostPattern::Exact(exact) if exact == host))
    }

    /// The first second of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// SHA-256 of the leaf.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// What a handshake costs, in units of one with ECDSA P-256.
    pub fn handshake_cost(&self) -> u32 {
        self.handshake_cost
    }
}

/// Reads chain and key, within limits.
fn certify(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, CertificateError> {
    if chain.len() > MAX_PEM || key.len() > MAX_PEM {
        return Err(CertificateError::TooLarge);
    }
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|_| CertificateError::ChainPem)?;
    if chain.is_empty() {
        return Err(CertificateError::ChainEmpty);
    }
    if chain.len() > MAX_CHAIN {
        return Err(CertificateError::TooLarge);
    }
    let der = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::KeyPem)?;
    let signer = any_supported_type(&der).map_err(|_| CertificateError::Key)?;
    Ok(CertifiedKey::new(chain, signer))
}

/// Measured: RSA-2048 costs four times as much as ECDSA P-256; RSA grows with the cube of its length.  The longer curves
/// are slower to sign with, but less than RSA.
fn handshake_cost(key: &PublicKey<'_>) -> u32 {
    match (key, key.key_size()) {
        (PublicKey::RSA(_), ..=2048) => 4,
        (PublicKey::RSA(_), 2049..=3072) => 12,
        (PublicKey::RSA(_), _) => 28,
        (PublicKey::EC(_), 257..=384) => 2,
        (PublicKey::EC(_), 385..) => 3,
        _ => 1,
    }
}

fn names(leaf: &X509Certificate<'_>) -> Result<Box<[HostPattern]>, CertificateError> {
    let san = leaf.subject_alternative_name().map_err(|_| CertificateError::Leaf)?;
    let general = san.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    if general.len() > MAX_NAMES {
        return Err(CertificateError::TooManyNames);
    }
    let dns: Vec<&str> = general
        .iter()
        .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None })
        .collect();
    let common = leaf.subject().iter_common_name().filter_map(|cn| cn.as_str().ok());
    let texts: Vec<&str> = if dns.is_empty() { common.collect() } else { dns };
    // A name that no host can have (an address, an underscore) is no reason to refuse the others.
    Ok(texts.into_iter().filter_map(|text| HostPattern::parse(text).ok()).collect())
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Why a Secret is no certificate that can be served.  Never quotes what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Over a limit of size.
    #[error("the chain has more than 64 KiB or more than 10 certificates")]
    TooLarge,
    /// `tls.crt` is not PEM.
    #[error("tls.crt is not PEM")]
    ChainPem,
    /// `tls.crt` has no certificate.
    #[error("tls.crt has no certificate")]
    ChainEmpty,
    /// The leaf is not X.509.
    #[error("the first certificate of tls.crt is not valid X.509")]
    Leaf,
    /// More than 100 names.
    #[error("the certificate has more than 100 names")]
    TooManyNames,
    /// `tls.key` is not PEM.
    #[error("tls.key is not a PEM private key")]
    KeyPem,
    /// Not a key that can sign: RSA of 2048 to 4096 bits, ECDSA P-256, P-384 or P-521, Ed25519.
    #[error("tls.key is not an RSA, ECDSA or Ed25519 key that can sign")]
    Key,
    /// RSA above 4096 bits.
    #[error("the RSA key is longer than 4096 bits")]
    KeyTooLong,
    /// Key and leaf are no pair.
    #[error("tls.key does not belong to the first certificate of tls.crt")]
    KeyMismatch,
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
        PKCS_RSA_SHA256,
    };

    use super::*;

    #[test]
    fn what_a_handshake_costs_is_known_from_the_key() {
        for (algorithm, cost) in [
            (&PKCS_ECDSA_P256_SHA256, 1),
            (&PKCS_ECDSA_P384_SHA384, 2),
            (&PKCS_ED25519, 1),
            (&PKCS_RSA_SHA256, 4),
        ] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let parameters = CertificateParams::new(["a.example".to_owned()]).unwrap();
            let chain = SecretBytes::new(parameters.self_signed(&key).unwrap().pem().into());
            let parsed = Certificate::parse(chain, SecretBytes::new(key.serialize_pem().into()));
            assert_eq!(parsed.unwrap().handshake_cost(), cost);
        }
    }
}
