// SPDX-License-Identifier: Apache-2.0
//! What a field means to a proxy, by its name alone: which are hop-by-hop, which frame a message, which are ours to write.

/// The role of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Passed on as it came.
    EndToEnd,
    /// `Host`
    Host,
    /// `Content-Length`
    ContentLength,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Connection`
    Connection,
    /// `Upgrade`
    Upgrade,
    /// `TE`
    Te,
    /// `Trailer`
    Trailer,
    /// `Expect`
    Expect,
    /// Means something on one connection only (RFC 9110, 7.6.1, and what Go's reverse proxy drops in addition), or
    /// nothing at all (`Proxy`).
    HopByHop,
    /// `CDN-Loop`: passed on whatever `Connection` says, so that loops end.
    Loop,
    /// Says who the client is: written by Postern, or by a peer that the operator trusts.
    Managed(Managed),
    /// Another spelling of any of these (`X_Forwarded_For`): applications that read fields as environment variables
    /// cannot tell the two apart (CVE-2026-39858), so it is never passed on.
    Twin,
}

/// A field that says who the client is, or what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Managed {
    /// `X-Forwarded-For`
    For,
    /// `X-Forwarded-Proto`
    Proto,
    /// `X-Forwarded-Host`
    Host,
    /// `X-Forwarded-Port`
    Port,
    /// `X-Forwarded-Server`
    Server,
    /// `X-Real-Ip`
    RealIp,
    /// `Forwarded`, `X-SSL-*` and every other `X-Forwarded-*`: passed on from trusted peers, never written by Postern.
    Other,
}

/// The role of the field `name`, in any case.
pub(crate) fn role(name: &[u8]) -> Role {
    let exact = exact_role(name);
    if exact == Role::EndToEnd && name.iter().any(|b| !b.is_ascii_alphanumeric() && *b != b'-') {
        return twin_role(name);
    }
    exact
}

fn exact_role(name: &[u8]) -> Role {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match name.first().map(u8::to_ascii_lowercase) {
        Some(b'h') if is("host") => Role::Host,
        Some(b'c') if is("connection") => Role::Connection,
        Some(b'c') if is("content-length") => Role::ContentLength,
        Some(b'c') if is("cdn-loop") => Role::Loop,
        Some(b't') if is("te") => Role::Te,
        Some(b't') if is("transfer-encoding") => Role::TransferEncoding,
        Some(b't') if is("trailer") || is("trailers") => Role::Trailer,
        Some(b'u') if is("upgrade") => Role::Upgrade,
        Some(b'e') if is("expect") => Role::Expect,
        Some(b'k') if is("keep-alive") => Role::HopByHop,
        Some(b'h') if is("http2-settings") => Role::HopByHop,
        Some(b'p')
            // "Proxy" means nothing, and programs that read fields as environment variables take it for the proxy
            // that they are to use (CVE-2016-5385, "httpoxy"; ingress-nginx drops it as well).
            if is("proxy") || is("proxy-connection") || is("proxy-authenticate") || is("proxy-authorization") =>
        {
            Role::HopByHop
        }
        Some(b'f') if is("forwarded") => Role::Managed(Managed::Other),
        Some(b'x') => managed_role(name),
        _ => Role::EndToEnd,
    }
}

fn managed_role(name: &[u8]) -> Role {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let begins = |known: &str| {
        name.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known.as_bytes()))
    };
    if is("x-real-ip") {
        return Role::Managed(Managed::RealIp);
    }
    if begins("x-ssl-") {
        return Role::Managed(Managed::Other);
    }
    if !begins("x-forwarded-") {
        return Role::EndToEnd;
    }
    Role::Managed(match () {
        () if is("x-forwarded-for") => Managed::For,
        () if is("x-forwarded-proto") => Managed::Proto,
        () if is("x-forwarded-host") => Managed::Host,
        () if is("x-forwarded-port") => Managed::Port,
        () if is("x-forwarded-server") => Managed::Server,
        () => Managed::Other,
    })
}

/// The longest name whose spelling is looked at as a whole; of a longer one the beginning decides.
const LONGEST: usize = 32;

#[cold]
fn twin_role(name: &[u8]) -> Role {
    let mut spelled = [0; LONGEST];
    let length = name.len().min(LONGEST);
    for (to, from) in spelled.iter_mut().zip(name) {
        *to = if from.is_ascii_alphanumeric() { *from } else { b'-' };
    }
    match exact_role(&spelled[..length]) {
        Role::EndToEnd => Role::EndToEnd,
        _ => Role::Twin,
    }
}

/// The members of a list such as `Connection: close, X-Trace`, trimmed, without empty ones.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// Without optional white space at either end (RFC 9110, 5.6.3).
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether it is a token (RFC 9110, 5.6.2).
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// Whether it can be the value of `Host` or an authority: a name or an address, and perhaps a port (RFC 9110, 7.2).
/// Userinfo, paths, lists and white space are refused.  Whether anybody owns the name is another question.
pub(crate) fn is_authority(value: &[u8]) -> bool {
    let (host, port) = match value.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let (address, after) = (&rest[..end], &rest[end + 1..]);
            let valid = address.iter().all(|b| b.is_ascii_hexdigit() || b":.".contains(b));
            match after {
                _ if !valid || address.is_empty() => return false,
                [] => return true,
                [b':', port @ ..] => return is_port(port),
                _ => return false,
            }
        }
        None => match value.iter().position(|byte| *byte == b':') {
            Some(colon) => (&value[..colon], &value[colon + 1..]),
            None => (value, &b""[..]),
        },
    };
    host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(b)) && is_port(port)
}

fn is_port(port: &[u8]) -> bool {
    port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
