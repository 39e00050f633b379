// SPDX-License-Identifier: Apache-2.0
//! `v1` Secret: only the keys that routing needs are read, and what was read is wiped when dropped.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::metadata::ObjectMeta;

/// A `v1` Secret.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// `metadata`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub metadata: ObjectMeta,
    /// `type`; absent means `Opaque`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// `data`, in base64.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub data: SecretData,
    /// `stringData`, as it is; it goes before `data`.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub string_data: SecretData,
}

/// The keys that routing needs.
#[derive(Debug, Default, Deserialize)]
pub struct SecretData {
    /// The certificate chain.
    #[serde(default, rename = "tls.crt")]
    pub tls_crt: Option<SecretText>,
    /// The private key.
    #[serde(default, rename = "tls.key")]
    pub tls_key: Option<SecretText>,
    /// The authorities of client certificates.
    #[serde(default, rename = "ca.crt")]
    pub ca_crt: Option<SecretText>,
}

/// Text without `Display`, whose `Debug` says only its length, wiped on drop.
#[derive(Default)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself, for the one who decodes it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted, {} bytes]", self.0.len())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText(Zeroizing::new(text.to_owned())))
    }

    /// Takes the buffer over, so that no unwiped copy stays behind.
    fn visit_string<E>(self, text: String) -> Result<SecretText, E> {
        Ok(SecretText(Zeroizing::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_text_is_never_printed() {
        let secret: Secret = serde_json::from_str(
            r#"{"type":"kubernetes.io/tls","data":{"tls.key":"aHVudGVyMg==","other":"x"}}"#,
        )
        .unwrap();
        assert_eq!(secret.data.tls_key.as_ref().map(SecretText::expose), Some("aHVudGVyMg=="));
        assert!(!format!("{secret:?}").contains("aHVudGVyMg"));
    }
}
