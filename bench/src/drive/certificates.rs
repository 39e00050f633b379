// SPDX-License-Identifier: Apache-2.0
//! Certificates for the measured servers: one authority, leaves with ECDSA P-256 or RSA-2048 keys.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_RSA_SHA256,
    RsaKeySize,
};

/// Which key a leaf has.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Ecdsa,
    Rsa,
}

/// A certificate with its chain, and its key.
pub(crate) struct Identity {
    /// Leaf, then issuer.
    pub(crate) chain: String,
    pub(crate) key: String,
    /// The leaf as it is seen in a handshake.
    pub(crate) leaf: Vec<u8>,
}

/// Who signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    pub(crate) fn issue(&self, name: &str, key: Key) -> Result<Identity> {
        let pair = match key {
            Key::Ecdsa => KeyPair::generate()?,
            Key::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?,
        };
        let leaf = CertificateParams::new([name.to_owned()])?.signed_by(&pair, &self.0)?;
        Ok(Identity {
            chain: format!("{}{}", leaf.pem(), self.0.pem()),
            key: pair.serialize_pem(),
            leaf: leaf.der().to_vec(),
        })
    }
}
