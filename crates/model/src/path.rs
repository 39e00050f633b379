// SPDX-License-Identifier: Apache-2.0
//! The one normal form of a request path: what is matched is what is forwarded (I13).

use std::borrow::Cow;

/// Why a path is refused with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// It does not begin with a slash.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// A control character, a space, a fragment, or a byte outside ASCII.
    #[error("the path has a character that must be percent-encoded")]
    Character,
    /// A percent sign that is not followed by two hexadecimal digits.
    #[error("the path has a broken percent-encoding")]
    Encoding,
}

/// Brings a path (without its query) into normal form: unreserved characters decoded, hexadecimal digits in upper case
/// (RFC 3986, 6.2.2.1 and 6.2.2.2), then empty and dot segments removed (6.2.2.3; Traefik `http.sanitizePath`).
/// Encoded slashes and other reserved characters stay encoded: they are data, never structure.
///
/// Idempotent.  A path that is normal already is borrowed, not copied.
pub fn normalize(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(InvalidPath::NotAbsolute);
    }
    let mut previous = 0;
    let mut normal = true;
    for &byte in bytes {
        match byte {
            b'%' => normal = false,
            b'/' | b'.' if previous == b'/' => normal = false,
            0..=0x20 | b'#' | 0x7f.. => return Err(InvalidPath::Character),
            _ => {}
        }
        previous = byte;
    }
    if normal { Ok(Cow::Borrowed(path)) } else { slow(bytes).map(Cow::Owned) }
}

fn slow(bytes: &[u8]) -> Result<String, InvalidPath> {
    let decoded = decode_unreserved(bytes)?;
    let mut segments: Vec<&str> = Vec::new();
    let mut trailing = false;
    for segment in decoded.split('/') {
        trailing = false;
        match segment {
            "" | "." => trailing = true,
            ".." => {
                segments.pop();
                trailing = true;
            }
            _ => segments.push(segment),
        }
    }
    let mut out = String::with_capacity(decoded.len());
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if trailing || out.is_empty() {
        out.push('/');
    }
    Ok(out)
}

fn decode_unreserved(bytes: &[u8]) -> Result<String, InvalidPath> {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            continue;
        }
        let high = rest.next().copied().and_then(hex).ok_or(InvalidPath::Encoding)?;
        let low = rest.next().copied().and_then(hex).ok_or(InvalidPath::Encoding)?;
        let value = high << 4 | low;
        if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(value));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(high)]));
            out.push(char::from(DIGITS[usize::from(low)]));
        }
    }
    Ok(out)
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_every_spelling() {
        for (path, normal) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a///b", "/a/b"),
            ("/a/./b/../c", "/a/c"),
            ("/../../etc", "/etc"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/%61pi", "/api"),
            ("/a%2e%2e/b", "/a../b"),
            ("/a/%2e%2e/b", "/b"),
            ("/a%2fb", "/a%2Fb"),
            ("/%5c..%5cx", "/%5C..%5Cx"),
            ("/.hidden", "/.hidden"),
            ("/a%00", "/a%00"),
            ("/api../x", "/api../x"),
        ] {
            assert_eq!(normalize(path).unwrap(), normal, "{path}");
        }
    }

    #[test]
    fn a_normal_path_is_not_copied() {
        assert!(matches!(normalize("/a/b.html"), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn broken_paths_are_refused() {
        assert_eq!(normalize("a"), Err(InvalidPath::NotAbsolute));
        assert_eq!(normalize(""), Err(InvalidPath::NotAbsolute));
        assert_eq!(normalize("/a b"), Err(InvalidPath::Character));
        assert_eq!(normalize("/a#b"), Err(InvalidPath::Character));
        assert_eq!(normalize("/a\u{e9}"), Err(InvalidPath::Character));
        assert_eq!(normalize("/%zz"), Err(InvalidPath::Encoding));
        assert_eq!(normalize("/%1"), Err(InvalidPath::Encoding));
    }
}
