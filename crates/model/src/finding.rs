// SPDX-License-Identifier: Apache-2.0
//! What an author is told about an object.  A finding never names another tenant's objects (wall W7, I19).

use std::fmt::{self, Write};
use std::sync::Arc;

use crate::origin::Origin;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Info,
    /// Something was ignored; the rest is served.
    Warning,
    /// Something that was asked for is not served.
    Error,
}

/// What was found: stable words, used in status conditions, Events and `postern validate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The hostname belongs to another tenant.
    HostNotOwned,
    /// The hostname was released a short while ago and is quarantined.
    HostQuarantined,
    /// The tenant holds as many hostnames as it may.
    ClaimLimitReached,
    /// Not a hostname that can be claimed: empty, `*`, one label, an address, a public suffix, not LDH.
    HostInvalid,
    /// The namespace belongs to no tenant (`tenancy.mode: declared`).
    NamespaceNotAdmitted,
    /// Two Tenant objects want the same namespace or domain.
    TenantConflict,
    /// A namespace of a Tenant was deleted and created anew: it is the Tenant's no more.
    NamespaceReplaced,
    /// The Secret does not exist.
    SecretNotFound,
    /// The Secret has no usable `tls.crt` and `tls.key`.
    SecretInvalid,
    /// The certificate does not cover the hostname.
    CertificateMismatch,
    /// The certificate is expired or not yet valid; it is served only where no valid one is.
    CertificateExpired,
    /// The Service does not exist.
    ServiceNotFound,
    /// The Service has no such port.
    ServicePortNotFound,
    /// The Service has no endpoint that serves.
    NoEndpoints,
    /// ExternalName Services are not allowed.
    ExternalNameNotAllowed,
    /// The address is one that tenants' backends may not have.
    EgressDenied,
    /// The endpoint's Pod lives in another namespace than its Service.
    EndpointNotOwned,
    /// The reference crosses a boundary and is not permitted.
    RefNotPermitted,
    /// The field, or its value, is not supported; what it guards is closed.
    Unsupported,
    /// A value that cannot be used.
    InvalidValue,
    /// No IngressClass of ours has that name.
    ClassNotFound,
    /// No entry point has that name.
    EntryPointNotFound,
    /// Another object of the same tenant declares the same host and path, and is older.
    RouteShadowed,
    /// Two objects of one tenant disagree on the TLS policy of a host; the strictest wins.
    TlsPolicyConflict,
    /// The same object was declared twice.
    DuplicateObject,
    /// The file cannot be read or parsed.
    FileInvalid,
    /// More than a limit allows.
    LimitExceeded,
    /// Postern may not read something in the cluster that it was told to read.
    AccessNotGranted,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One thing to tell an author: what, where, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What.
    pub reason: Reason,
    /// Which object, and where it stands.
    pub origin: Origin,
    /// Which field of it: `spec.rules[0].host`; empty for the whole object.
    pub field: Arc<str>,
    /// Why, in a sentence without a full stop.
    pub message: String,
    /// What to do, in a sentence without a full stop.
    pub remedy: &'static str,
}

/// A text of an author's as findings quote it: on one line, and shortened.  Authors may write anything where a name
/// belongs, and what is said about it goes into logs, terminals and conditions.
///
/// ```
/// use postern_model::Quoted;
/// assert_eq!(Quoted("web").to_string(), "web");
/// assert_eq!(Quoted("a\nb").to_string(), "a\\nb");
/// assert_eq!(Quoted(&"x".repeat(100)).to_string(), "x".repeat(80) + "…");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

/// The most characters of a quoted text.
const QUOTED: usize = 80;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, character) in self.0.chars().enumerate() {
            if count == QUOTED {
                return f.write_char('…');
            }
            if is_misleading(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Control characters, line separators, and what changes the direction of text or cannot be seen.
fn is_misleading(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}
