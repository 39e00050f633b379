// SPDX-License-Identifier: Apache-2.0
//! `v1` Secret: only what routing needs is kept, in bytes that are wiped (I8).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_api as api;
use postern_api::SecretText;
use postern_model::{Object, Reason, Secret, SecretBytes};
use zeroize::Zeroizing;

use super::present;
use crate::interner::Interner;
use crate::reading::{Draft, Note};

/// The types whose data routing may need.
const KEPT: [&str; 2] = ["kubernetes.io/tls", "Opaque"];

pub(super) fn read(
    secret: api::Secret,
    draft: &mut Draft,
    strings: &mut Interner,
) -> Option<Object> {
    let kind = present(secret.kind.as_deref()).unwrap_or("Opaque");
    let mut data = Vec::new();
    if KEPT.contains(&kind) {
        for (key, encoded) in entries(&secret.data) {
            match decode(encoded) {
                Some(bytes) => data.push((strings.share(key), bytes)),
                None => not_base64(draft, key),
            }
        }
        // stringData goes before data, as the API server merges them.
        for (key, text) in entries(&secret.string_data) {
            data.push((strings.share(key), SecretBytes::new(text.expose().as_bytes().to_vec())));
        }
    }
    let kind = strings.share(kind);
    let data = data.into_iter().collect();
    Some(Object::Secret(Arc::new(Secret { origin: draft.origin.clone(), kind, data })))
}

fn entries(data: &api::SecretData) -> impl Iterator<Item = (&'static str, &SecretText)> {
    let all = [("tls.crt", &data.tls_crt), ("tls.key", &data.tls_key), ("ca.crt", &data.ca_crt)];
    all.into_iter().filter_map(|(key, text)| text.as_ref().map(|text| (key, text)))
}

/// Decodes base64, in which line breaks do not count, into a buffer of exactly the right size: one that grows or
/// shrinks leaves copies of the key behind that nobody wipes.
fn decode(text: &SecretText) -> Option<SecretBytes> {
    let text = text.expose();
    let breaks = |c: char| c.is_ascii_whitespace();
    let joined;
    let text = if text.contains(breaks) {
        let mut buffer = Zeroizing::new(String::with_capacity(text.len()));
        buffer.extend(text.split(breaks));
        joined = buffer;
        joined.as_str()
    } else {
        text
    };
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let length = (text.len() / 4 * 3).checked_sub(padding)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    let written = STANDARD.decode_slice(text, &mut bytes).ok()?;
    (written == length).then(|| SecretBytes::new(std::mem::take(&mut *bytes)))
}

fn not_base64(draft: &mut Draft, key: &str) {
    draft.error(
        Reason::InvalidValue,
        Note {
            field: format!("data[{key}]").into(),
            message: "the value is not base64".into(),
            remedy: "encode the value in base64, or write it under stringData",
        },
    );
}
