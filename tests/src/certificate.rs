// SPDX-License-Identifier: Apache-2.0
//! Self-signed certificates for tests, made on the spot.

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RsaKeySize, date_time_ymd,
};

/// A certificate with its key, in PEM.
#[derive(Clone, Debug)]
pub struct TestCertificate {
    /// The chain, as in `tls.crt`.
    pub chain: String,
    /// The key, as in `tls.key`.
    pub key: String,
    /// The leaf in DER.
    pub der: Vec<u8>,
}

/// What a test certificate is to be.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    names: Vec<String>,
    rsa: bool,
    years: (i32, i32),
    month: u8,
}

impl CertificateRequest {
    /// ECDSA P-256, valid from 2026 to 2125, for `names`.
    pub fn new(names: &[&str]) -> Self {
        let names = names.iter().map(ToString::to_string).collect();
        Self { names, rsa: false, years: (2026, 2125), month: 1 }
    }

    /// With an RSA key of 2048 bits.
    #[must_use]
    pub fn rsa(mut self) -> Self {
        self.rsa = true;
        self
    }

    /// Valid from the first of January of one year to that of another.
    #[must_use]
    pub fn valid(mut self, from: i32, to: i32) -> Self {
        self.years = (from, to);
        self
    }

    /// Valid from the first of this month on.
    #[must_use]
    pub fn from_month(mut self, month: u8) -> Self {
        self.month = month;
        self
    }

    /// Makes it.
    pub fn make(&self) -> TestCertificate {
        let key = if self.rsa {
            KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        } else {
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        };
        let key = key.expect("the provider can make keys of this kind");
        let mut params =
            CertificateParams::new(self.names.clone()).expect("test names are DNS names");
        params.not_before = date_time_ymd(self.years.0, self.month, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        params.distinguished_name = DistinguishedName::new();
        let common = self.names.first().map_or("nobody", String::as_str);
        params.distinguished_name.push(DnType::CommonName, common);
        let certificate = params.self_signed(&key).expect("a key signs its own certificate");
        TestCertificate {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        }
    }
}

impl TestCertificate {
    /// ECDSA P-256, valid from 2026 to 2125, for `names`.
    pub fn new(names: &[&str]) -> Self {
        CertificateRequest::new(names).make()
    }

    /// SHA-256 of the leaf in lower-case hexadecimal, as `postern render` shows it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }

    /// As a Secret of type `kubernetes.io/tls`.
    pub fn secret(&self, namespace: &str, name: &str) -> String {
        secret(namespace, name, &self.chain, &self.key)
    }
}

/// A Secret of type `kubernetes.io/tls` with any texts.
pub fn secret(namespace: &str, name: &str, chain: &str, key: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\ntype: kubernetes.io/tls\n\
         stringData: {}\n",
        string_data(chain, key)
    )
}

/// `tls.crt` and `tls.key` as a flow mapping on one line.
pub fn string_data(chain: &str, key: &str) -> String {
    serde_json::json!({ "tls.crt": chain, "tls.key": key }).to_string()
}

/// SHA-256 of a certificate in DER, in lower-case hexadecimal.
pub fn fingerprint(der: &[u8]) -> String {
    digest(&SHA256, der).as_ref().iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a String takes everything");
        out
    })
}
