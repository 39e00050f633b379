// SPDX-License-Identifier: Apache-2.0
//! Which annotations restrict access, of all that there are.

use super::*;

/// The annotations of ingress-nginx 1.15.1 (`internal/ingress/annotations`) that restrict nobody's access, and those
/// that it had before; `auth-` and the names that are guards here are left out.
const OTHERS: &str = "affinity affinity-canary-behavior affinity-mode app-root backend-protocol canary canary-by-cookie \
    canary-by-header canary-by-header-pattern canary-by-header-value canary-weight canary-weight-total \
    client-body-buffer-size connection-proxy-header cors-allow-credentials cors-allow-headers cors-allow-methods \
    cors-allow-origin cors-expose-headers cors-max-age custom-headers custom-http-errors default-backend \
    disable-proxy-intercept-errors enable-access-log enable-cors enable-opentelemetry enable-opentracing \
    enable-rewrite-log fastcgi-index fastcgi-params-configmap from-to-www-redirect http2-push-preload load-balance \
    mirror-host mirror-request-body mirror-target modsecurity-transaction-id opentelemetry-operation-name \
    opentelemetry-trust-incoming-span permanent-redirect permanent-redirect-code preserve-trailing-slash \
    proxy-body-size proxy-buffer-size proxy-buffering proxy-buffers-number proxy-busy-buffers-size \
    proxy-connect-timeout proxy-cookie-domain proxy-cookie-path proxy-http-version proxy-max-temp-file-size \
    proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries proxy-read-timeout proxy-redirect-from \
    proxy-redirect-to proxy-request-buffering proxy-send-timeout proxy-ssl-ciphers proxy-ssl-name \
    proxy-ssl-protocols proxy-ssl-secret proxy-ssl-server-name proxy-ssl-verify proxy-ssl-verify-depth \
    relative-redirects rewrite-target secure-backends server-alias service-upstream \
    session-cookie-change-on-failure session-cookie-conditional-samesite-none session-cookie-domain \
    session-cookie-expires session-cookie-hash session-cookie-max-age session-cookie-name session-cookie-path \
    session-cookie-samesite session-cookie-secure ssl-ciphers ssl-passthrough ssl-prefer-server-ciphers \
    stream-snippet temporal-redirect temporal-redirect-code upstream-hash-by upstream-hash-by-subset \
    upstream-hash-by-subset-size upstream-vhost use-port-in-redirects use-regex x-forwarded-prefix";

#[test]
fn what_restricts_access_in_ingress_nginx_is_a_guard_and_nothing_else_is() {
    for name in NGINX {
        assert_eq!(of_nginx(name, "x"), Effect::Guards, "{name}");
    }
    for name in ["auth-response-headers", "auth-cache-key", "enable-global-auth"] {
        assert_eq!(of_nginx(name, "true"), Effect::Guards, "{name}");
    }
    assert!(OTHERS.split_whitespace().count() > 90);
    for name in OTHERS.split_whitespace() {
        assert_eq!(of_nginx(name, "true"), Effect::Other, "{name}");
    }
}

#[test]
fn a_misspelt_guard_of_ingress_nginx_is_one() {
    for name in
        ["auth-ur", "auht-url", "authurl", "white-list-source-range", "whitelist-source-ranges"]
    {
        assert_eq!(of_nginx(name, "x"), Effect::Guards, "{name}");
    }
}

#[test]
fn what_is_switched_off_or_empty_guards_nothing() {
    for name in ["enable-modsecurity", "enable-owasp-core-rules", "enable-global-auth"] {
        assert_eq!(of_nginx(name, "false"), Effect::Other, "{name}");
        assert_eq!(of_nginx(name, "true"), Effect::Guards, "{name}");
    }
    assert_eq!(of_nginx("whitelist-source-range", " "), Effect::Other);
    assert_eq!(of_nginx("server-snippet", ""), Effect::Other);
    assert_eq!(of_nginx("auth-url", ""), Effect::Guards, "nobody knows what was meant");
    assert_eq!(of_nginx("auth-type", "false"), Effect::Guards);
}

#[test]
fn redirects_and_rates_are_told_and_guard_nothing() {
    let lacks = |name, value| matches!(of_nginx(name, value), Effect::Lacks(_));
    for name in ["ssl-redirect", "force-ssl-redirect", "limit-rps", "limit-connections"] {
        assert!(lacks(name, "true") && !lacks(name, "false"), "{name}");
    }
}

#[test]
fn misspelt_guards_of_traefik_and_those_of_its_first_version_are_guards() {
    for name in [
        "router.middleware",
        "router.middlwares",
        "routers.middlewares",
        "router.tls.option",
        "router-tls.options",
        "auth-type",
        "whitelist-source-range",
    ] {
        assert!(of_traefik(name, "x"), "{name}");
    }
    for name in [
        "router.entrypoints",
        "router.priority",
        "router.tls",
        "router.tls.certresolver",
        "router.tls.domains.0.main",
        "router.observability.metrics",
        "service.nativelb",
        "foo",
    ] {
        assert!(!of_traefik(name, "x"), "{name}");
    }
    assert!(!of_traefik("router.middleware", " , "), "an empty list guards nothing");
}

#[test]
fn a_guard_whose_domain_is_misspelt_is_one() {
    assert!(of_nobody("traefik.ingress.kubernets.io/router.middlewares"));
    assert!(of_nobody("traefik.ingres.kubernetes.io/router.middleware"));
    assert!(of_nobody("ngnix.ingress.kubernetes.io/auth-url"));
    assert!(!of_nobody("traefik.ingress.kubernets.io/router.priority"));
    assert!(!of_nobody("nginx.ingress.kubernets.io/rewrite-target"));
}
