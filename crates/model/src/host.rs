// SPDX-License-Identifier: Apache-2.0
//! The one canonical form of a hostname, for claims, SNI, authorities and certificates alike (I10).
//!
//! Two spellings of one name must never be two names: routers that resolved SNI and Host with different functions
//! (CVE-2022-23632, CVE-2026-48491, CVE-2026-27588) let one tenant's rules answer another's requests.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The longest name in presentation form, without the root's dot (RFC 1035, 2.3.4).
pub const MAX_HOST_LENGTH: usize = 253;

/// A DNS name in canonical form: lower case, no trailing dot, LDH labels of 1 to 63 bytes, at most 253 bytes, and not
/// an IP address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(Arc<str>);

impl Host {
    /// Parses a bare name, such as an SNI value or an Ingress host.  Ports are refused: see [`Host::from_authority`].
    pub fn parse(name: &str) -> Result<Self, InvalidHost> {
        let mut buffer = [0_u8; MAX_HOST_LENGTH];
        canonical(name.as_bytes(), &mut buffer).map(|name| Self(Arc::from(name)))
    }

    /// Parses the value of a Host header or of `:authority` (RFC 9110, 7.2): a name, optionally followed by a port.
    pub fn from_authority(authority: &str) -> Result<Self, InvalidHost> {
        Self::parse(authority_host(authority)?)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its first label: `b.c` for `a.b.c`; nothing for a single label.
    pub fn parent(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, parent)| parent)
    }

    /// Whether this name lies strictly below `ancestor`, at any depth.
    pub fn is_below(&self, ancestor: &Host) -> bool {
        is_below(self.as_str(), ancestor.as_str())
    }
}

fn is_below(name: &str, ancestor: &str) -> bool {
    name.len() > ancestor.len()
        && name.ends_with(ancestor)
        && name.as_bytes()[name.len() - ancestor.len() - 1] == b'.'
}

impl Borrow<str> for Host {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an author writes as a host: one name, or every name exactly one label below a parent (`*.parent`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This name alone.
    Exact(Host),
    /// `*.parent`: exactly one label below (Kubernetes Ingress, "Hostname wildcards"; Traefik 3 `Host`).
    Wildcard(Host),
}

impl HostPattern {
    /// Parses `name` or `*.name`.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        match text.strip_prefix("*.") {
            Some(parent) => Host::parse(parent).map(Self::Wildcard),
            None => Host::parse(text).map(Self::Exact),
        }
    }

    /// The name, or the wildcard's parent.
    pub fn name(&self) -> &Host {
        match self {
            Self::Exact(name) | Self::Wildcard(name) => name,
        }
    }

    /// Whether a request for `host` is meant.
    pub fn matches(&self, host: &Host) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Wildcard(parent) => host.parent() == Some(parent.as_str()),
        }
    }

    /// Whether every name that `other` means is reserved by this pattern across tenants: a wildcard shuts others out
    /// of *every* name below its parent, however deep.
    pub fn reserves(&self, other: &HostPattern) -> bool {
        match (self, other) {
            (Self::Exact(own), Self::Exact(name)) => own == name,
            (Self::Exact(_), Self::Wildcard(_)) => false,
            (Self::Wildcard(parent), Self::Exact(name)) => name.is_below(parent),
            (Self::Wildcard(parent), Self::Wildcard(name)) => {
                parent == name || name.is_below(parent)
            }
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => write!(f, "{name}"),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
        }
    }
}

impl fmt::Debug for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no hostname that Postern serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// Nothing, or only a dot.
    #[error("the hostname is empty")]
    Empty,
    /// More than 253 bytes.
    #[error("the hostname is longer than 253 bytes")]
    TooLong,
    /// An empty label, or one of more than 63 bytes.
    #[error("a label of the hostname is empty or longer than 63 bytes")]
    LabelLength,
    /// A byte that is not a letter, digit or hyphen, or a hyphen at the edge of a label.
    #[error(
        "the hostname has a character that is not a letter, digit or inner hyphen (write international names in their xn-- form)"
    )]
    NotLdh,
    /// An IP address, or a name that resolvers read as one (last label all digits, WHATWG URL 3.5).
    #[error("an IP address is not a hostname")]
    IpAddress,
    /// The text after the colon is not a port.
    #[error("the port is not a number from 0 to 65535")]
    Port,
}

/// Writes the canonical form of `name` into `buffer` and returns it.  Total: any bytes give a name or a reason.
pub fn canonical<'a>(
    name: &[u8],
    buffer: &'a mut [u8; MAX_HOST_LENGTH],
) -> Result<&'a str, InvalidHost> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() {
        return Err(InvalidHost::Empty);
    }
    if name.first() == Some(&b'[') {
        return Err(InvalidHost::IpAddress);
    }
    let out = buffer.get_mut(..name.len()).ok_or(InvalidHost::TooLong)?;
    let mut label = 0;
    let mut previous = b'.';
    let mut digits_only = true;
    for (to, &byte) in out.iter_mut().zip(name) {
        match byte {
            b'.' => {
                if label == 0 || label > 63 {
                    return Err(InvalidHost::LabelLength);
                }
                if previous == b'-' {
                    return Err(InvalidHost::NotLdh);
                }
                label = 0;
                digits_only = true;
            }
            b'-' if label == 0 => return Err(InvalidHost::NotLdh),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => {
                label += 1;
                digits_only &= byte.is_ascii_digit();
            }
            _ => return Err(InvalidHost::NotLdh),
        }
        previous = byte;
        *to = byte.to_ascii_lowercase();
    }
    if label == 0 || label > 63 {
        return Err(InvalidHost::LabelLength);
    }
    if previous == b'-' {
        return Err(InvalidHost::NotLdh);
    }
    if digits_only {
        return Err(InvalidHost::IpAddress);
    }
    std::str::from_utf8(out).map_err(|_| InvalidHost::NotLdh)
}

/// The host part of an authority, without its port.  Userinfo is refused by the character rule of [`canonical`].
pub fn authority_host(authority: &str) -> Result<&str, InvalidHost> {
    if authority.starts_with('[') {
        return Err(InvalidHost::IpAddress);
    }
    match authority.split_once(':') {
        None => Ok(authority),
        Some((host, port))
            if port.is_empty()
                || (port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()) =>
        {
            Ok(host)
        }
        Some(_) => Err(InvalidHost::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_one_name() {
        for spelling in ["a.test", "A.TEST", "a.test.", "A.Test."] {
            assert_eq!(Host::parse(spelling).unwrap().as_str(), "a.test");
        }
        for authority in ["a.test", "a.test:443", "A.test.:80", "a.test:"] {
            assert_eq!(Host::from_authority(authority).unwrap().as_str(), "a.test");
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        let long_label = format!("{}.test", "a".repeat(64));
        let long = vec!["abcdefg"; 32].join(".");
        for (text, reason) in [
            ("", InvalidHost::Empty),
            (".", InvalidHost::Empty),
            ("a..test", InvalidHost::LabelLength),
            (".a.test", InvalidHost::LabelLength),
            (long_label.as_str(), InvalidHost::LabelLength),
            (long.as_str(), InvalidHost::TooLong),
            ("-a.test", InvalidHost::NotLdh),
            ("a-.test", InvalidHost::NotLdh),
            ("a_b.test", InvalidHost::NotLdh),
            ("bücher.test", InvalidHost::NotLdh),
            ("a.test\0", InvalidHost::NotLdh),
            ("u@a.test", InvalidHost::NotLdh),
            ("127.0.0.1", InvalidHost::IpAddress),
            ("1.2.3.4.", InvalidHost::IpAddress),
            ("2130706433", InvalidHost::IpAddress),
            ("[::1]", InvalidHost::IpAddress),
            ("*", InvalidHost::NotLdh),
        ] {
            assert_eq!(Host::parse(text), Err(reason), "{text}");
        }
        assert_eq!(Host::from_authority("a.test:x"), Err(InvalidHost::Port));
        assert_eq!(Host::from_authority("a.test:65536"), Err(InvalidHost::Port));
        assert_eq!(Host::from_authority("a.test:+80"), Err(InvalidHost::Port));
    }

    #[test]
    fn a_wildcard_matches_one_label_and_reserves_all_depths() {
        let wildcard = HostPattern::parse("*.a.test").unwrap();
        let host = |name| Host::parse(name).unwrap();
        let exact = |name| HostPattern::Exact(host(name));
        assert!(wildcard.matches(&host("x.a.test")));
        assert!(!wildcard.matches(&host("y.x.a.test")));
        assert!(!wildcard.matches(&host("a.test")));
        assert!(wildcard.reserves(&exact("y.x.a.test")));
        assert!(wildcard.reserves(&HostPattern::parse("*.x.a.test").unwrap()));
        assert!(!wildcard.reserves(&exact("a.test")));
        assert!(!wildcard.reserves(&exact("xa.test")));
        assert!(!exact("x.a.test").reserves(&wildcard));
    }
}
