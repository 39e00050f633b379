// SPDX-License-Identifier: Apache-2.0
//! Annotations that restrict who gets in, and that are not supported: what they guard is closed (I9).
//!
//! Those of ingress-nginx are guards like Traefik's middlewares, since an Ingress that moves from one controller to the
//! other must not be open meanwhile.  A name that is nearly one of a guard counts as one: who misspelt it meant it.

use postern_api::{Annotations, is_nearly};

/// Of Traefik, and what they are called here.
const TRAEFIK: [&str; 2] = ["router.middlewares", "router.tls.options"];

/// Of ingress-nginx: authentication, address ranges, the firewall, and snippets, which may hold any of these.
const NGINX: [&str; 19] = [
    "allowlist-source-range",
    "auth-realm",
    "auth-secret",
    "auth-secret-type",
    "auth-signin",
    "auth-snippet",
    "auth-tls-match-cn",
    "auth-tls-secret",
    "auth-tls-verify-client",
    "auth-type",
    "auth-url",
    "configuration-snippet",
    "denylist-source-range",
    "enable-modsecurity",
    "enable-owasp-core-rules",
    "modsecurity-snippet",
    "satisfy",
    "server-snippet",
    "whitelist-source-range",
];

/// What an annotation that is not read is to those who ask for what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It restricts who gets in.
    Guards,
    /// It restricts nobody, and this should be said.
    Lacks(&'static str),
    /// It restricts nobody.
    Other,
}

/// What an annotation of ingress-nginx is, by its name without the domain.
pub(super) fn of_nginx(name: &str, value: &str) -> Effect {
    let value = value.trim();
    // All that begins so belongs to a guard: `auth-response-headers` has its `auth-url`, however that is spelt.
    let is_guard = name.starts_with("auth-")
        || name.starts_with("enable-global-auth")
        || NGINX.iter().any(|guard| is_nearly(name, guard));
    let is_switch = name.starts_with("enable-");
    let is_list = name.ends_with("-source-range") || name.ends_with("-snippet");
    match value {
        "false" if is_switch => Effect::Other,
        "" if is_list => Effect::Other,
        _ if is_guard => Effect::Guards,
        "false" => Effect::Other,
        _ if name == "ssl-redirect" || name == "force-ssl-redirect" => {
            Effect::Lacks("requests in the clear are not redirected, but answered")
        }
        _ if name.starts_with("limit-") || name.starts_with("global-rate-limit") => {
            Effect::Lacks("the rate is not limited")
        }
        _ => Effect::Other,
    }
}

/// Whether an annotation of Traefik's, by its name without the domain, restricts who gets in although it is not known:
/// a guard that is misspelt, or one of Traefik 1.
pub(super) fn of_traefik(name: &str, value: &str) -> bool {
    let is_middlewares = is_nearly(name, TRAEFIK[0]);
    let is_empty = value.split(',').all(|name| name.trim().is_empty());
    let is_misspelt = TRAEFIK.iter().any(|guard| is_nearly(name, guard));
    let is_old = NGINX.contains(&name);
    (is_misspelt || is_old) && !(is_middlewares && is_empty)
}

/// Whether an annotation with another domain is nearly a guard of either.
pub(super) fn of_nobody(key: &str) -> bool {
    let with = |domain: &str, names: &[&str]| {
        names.iter().any(|name| {
            // The domain is misspelt; most names are told from each other by their lengths.
            let length = domain.len() + name.len();
            length.abs_diff(key.len()) <= 2 && is_nearly(key, &format!("{domain}{name}"))
        })
    };
    with(Annotations::TRAEFIK, &TRAEFIK) || with(Annotations::NGINX, &NGINX)
}

#[cfg(test)]
mod tests;
