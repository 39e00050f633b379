// SPDX-License-Identifier: Apache-2.0
//! Whether a text that cannot be read was meant to be a Tenant: then what it reserves is not given to others (I9).
//!
//! A text that only quotes one is none: in a block of YAML the word must stand where a field of the object stands.

use memchr::memmem;

/// Whether the text has `kind: Tenant` for a field, in YAML or JSON, and no group but ours.  An object of our group
/// that is so unfinished that its kind is missing may become one.
pub(super) fn is_tenant(text: &[u8]) -> bool {
    let ours = memmem::find(text, b"postern.dev/").is_some();
    if !ours && memmem::find(text, b"apiVersion").is_some() {
        return false;
    }
    let is_flow = matches!(text.trim_ascii_start().first(), Some(b'{' | b'['));
    let in_list = kinds(text).any(|(_, kind)| word(kind).ends_with(b"List"));
    let mut fields = kinds(text).filter(|(before, _)| {
        let in_item = in_list && before.iter().all(|byte| b" -".contains(byte));
        is_flow || before.is_empty() || in_item || begins_flow(before)
    });
    let Some((_, first)) = fields.next() else { return ours };
    std::iter::once(first).chain(fields.map(|(_, kind)| kind)).any(|kind| match word(kind) {
        b"" => ours,
        word => word == b"Tenant",
    })
}

/// Every `kind:` with what stands before it on its line, and what follows.
fn kinds(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    memmem::find_iter(text, b"kind").filter_map(|at| {
        let line = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
        let before = &text[line..at];
        let before = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")).unwrap_or(before);
        let after = &text[at + b"kind".len()..];
        let after = after.strip_prefix(b"\"").or(after.strip_prefix(b"'")).unwrap_or(after);
        Some((before, after.trim_ascii_start().strip_prefix(b":")?))
    })
}

/// `- {`, with which an item may begin.
fn begins_flow(before: &[u8]) -> bool {
    before.trim_ascii_start().starts_with(b"- {")
}

fn word(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"\"").or(text.strip_prefix(b"'")).unwrap_or(text);
    let end = text.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_recognised_in_a_text_that_cannot_be_read() {
        for text in [
            "apiVersion: postern.dev/v1alpha1\nkind: Tenant\nmetadata: {name: [\n",
            "kind:   \"Tenant\" # ours\nspec: [",
            "kind: Tenant",
            "# comment\n\"kind\": 'Tenant'\r\n",
            "{\"apiVersion\": \"postern.dev/v1\", \"kind\" : \"Tenant\", \"spec\": ",
            "[{apiVersion: postern.dev/v1alpha1, kind: Tenant",
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: postern.dev/v1alpha1\n  kind: Tenant\n  x: [",
            "apiVersion: postern.dev/v1alpha1\nkind:",
            "apiVersion: postern.dev/v1al",
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: postern.dev/v1alpha1, kind: Tenant, x: [",
        ] {
            assert!(is_tenant(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_only_quotes_a_tenant_is_none() {
        for text in [
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  x: |\n    kind: Tenant\n    apiVersion: postern.dev/v1\n  y: [",
            "apiVersion: capsule.clastix.io/v1beta2\nkind: Tenant\nspec: [",
            "apiVersion: postern.dev/v1alpha1\nkind: TenantList\nitems: [",
            "# kind: Tenant\nkind: HostClaim\nx: [",
            "kind: Tenants",
            "humankind: Tenant",
            "apiVersion: v1\nkind:",
            "",
        ] {
            assert!(!is_tenant(text.as_bytes()), "{text}");
        }
    }
}
