// SPDX-License-Identifier: Apache-2.0
//! The demo's own authority, and certificates that it signs.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

/// An authority that nobody trusts but the demo's own client, and whoever passes `--cacert`.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// Makes one.
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut params = params(&[])?;
        params.distinguished_name.push(DnType::CommonName, "Postern demo authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its certificate in PEM.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its certificate in DER.
    pub(super) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for `names`.
    pub(super) fn leaf(&self, names: &[&str]) -> anyhow::Result<Leaf> {
        let mut params = params(names)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Leaf {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        })
    }
}

/// From yesterday on, for about three months.
fn params(names: &[&str]) -> anyhow::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = |date: jiff::civil::Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(date.year().into(), month, day)
    };
    params.not_before = day(today.saturating_sub(jiff::Span::new().days(1)));
    params.not_after = day(today.saturating_add(jiff::Span::new().days(90)));
    params.distinguished_name = rcgen::DistinguishedName::new();
    Ok(params)
}

/// A certificate and its key.
pub(super) struct Leaf {
    chain: String,
    key: String,
    der: Vec<u8>,
}

impl Leaf {
    /// The chain in PEM.
    pub(super) fn chain(&self) -> &str {
        &self.chain
    }

    /// The key in PEM, for the Secret that the demo writes.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The certificate in DER.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The beginning of its SHA-256.
    pub(super) fn short_fingerprint(&self) -> String {
        let digest = digest(&SHA256, &self.der);
        digest.as_ref().iter().take(8).fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}
