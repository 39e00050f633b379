// SPDX-License-Identifier: Apache-2.0
//! The certificates of golden files: made once, committed, and named in results instead of fingerprints.  Their keys
//! guard nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use postern_tests::certificate::{CertificateRequest, fingerprint};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const A: &[&str] = &["a.example.test"];

/// What each is to be; one that is missing is made.
fn catalogue() -> Vec<(&'static str, CertificateRequest)> {
    let new = CertificateRequest::new;
    vec![
        ("acme", new(A)),
        ("acme-twin", new(A)),
        ("acme-newer", new(A).from_month(3)),
        ("acme-expired", new(A).valid(2020, 2021)),
        ("acme-future", new(A).valid(2100, 2125)),
        ("globex", new(&["b.example.test"])),
        ("wildcard", new(&["*.example.test"])),
        ("wildcard-newer", new(&["*.example.test"]).from_month(3)),
    ]
}

/// Chains and keys by name.
pub(crate) struct Certificates(BTreeMap<String, (String, String)>);

impl Certificates {
    /// Reads them, and makes those that are missing.
    pub(crate) fn read(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("the golden folder can be written to");
        let mut all = BTreeMap::new();
        for (name, request) in catalogue() {
            let file = folder.join(format!("{name}.pem"));
            if !file.exists() {
                let made = request.make();
                fs::write(&file, made.chain + &made.key).expect("a certificate can be written");
            }
            let text = fs::read_to_string(&file).expect("a certificate can be read");
            let key = text.find("-----BEGIN PRIVATE KEY").expect("the key follows the chain");
            all.insert(name.to_owned(), (text[..key].to_owned(), text[key..].to_owned()));
        }
        Self(all)
    }

    /// Replaces `"{{certificate NAME}}"` and `"{{certificate NAME with key of OTHER}}"` by the data of a Secret.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("\"{{certificate ") {
            let (names, after) = after.split_once("}}\"").expect("a placeholder ends");
            let (chain, key) = names.split_once(" with key of ").unwrap_or((names, names));
            let data =
                postern_tests::certificate::string_data(&self.get(chain).0, &self.get(key).1);
            out.push_str(before);
            out.push_str(&data);
            rest = after;
        }
        out + rest
    }

    /// Replaces fingerprints by names.
    pub(crate) fn name(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, (chain, _))| {
            let der = CertificateDer::from_pem_slice(chain.as_bytes()).expect("PEM");
            text.replace(&fingerprint(&der), name)
        })
    }

    fn get(&self, name: &str) -> &(String, String) {
        self.0.get(name).unwrap_or_else(|| panic!("there is no certificate {name}"))
    }
}
