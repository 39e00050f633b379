// SPDX-License-Identifier: Apache-2.0
//! Keys that Traefik has and Postern does not have yet: whoever moves is told so, and not that they are misspelt.

use super::key::NAME;

/// The start of a Traefik key, and what else to say about it.
type Known = (&'static str, &'static str);

const ALWAYS_ON: &str = "it is always served on admin.address: leave the key out";
const LOG_TARGET: &str = "the log goes to standard error";
const OWN_CERTIFICATES: &str = "certificates come from the Secrets that tenants declare";
const NEVER_PHONES: &str = "Postern never phones home: leave the key out";

/// Everything at or below these is known.  Longer ones that say more stand first.
const KNOWN: &[Known] = &[
    ("accessLog.addInternals", ""),
    ("accessLog.bufferingSize", ""),
    ("accessLog.dualOutput", ""),
    ("accessLog.fields", ""),
    ("accessLog.filters", ""),
    ("accessLog.otlp", ""),
    ("api", "/api/snapshot is always served on admin.address: leave the key out"),
    ("certificatesResolvers", ""),
    ("core", ""),
    ("experimental", ""),
    ("global.checkNewVersion", NEVER_PHONES),
    ("global.sendAnonymousUsage", NEVER_PHONES),
    ("global", ""),
    ("hostResolver", ""),
    ("log.compress", LOG_TARGET),
    ("log.filePath", LOG_TARGET),
    ("log.format", ""),
    ("log.maxAge", LOG_TARGET),
    ("log.maxBackups", LOG_TARGET),
    ("log.maxSize", LOG_TARGET),
    ("log.noColor", "set NO_COLOR in the environment"),
    ("log.otlp", ""),
    ("metrics.prometheus", "/metrics is always served on admin.address: leave the key out"),
    ("metrics", ""),
    ("ocsp", ""),
    ("ping", ALWAYS_ON),
    ("spiffe", ""),
    ("tcpServersTransport", ""),
    ("tracing", ""),
    ("serversTransport.forwardingTimeouts.readIdleTimeout", ""),
    ("serversTransport.forwardingTimeouts.pingTimeout", ""),
    ("serversTransport.spiffe", ""),
    (
        "providers.kubernetesIngress.disableIngressClassLookup",
        "providers.kubernetesIngress.disableClusterScopeResources is",
    ),
    ("providers.kubernetesCRD", "Traefik's own kinds are not read yet"),
    ("providers.kubernetesGateway", ""),
    ("providers.kubernetesIngressNGINX", ""),
    ("providers.file", "give folders as arguments instead"),
    ("providers.precedence", ""),
    ("providers.providersThrottleDuration", ""),
    ("providers.docker", ""),
    ("providers.swarm", ""),
    ("providers.consul", ""),
    ("providers.consulCatalog", ""),
    ("providers.nomad", ""),
    ("providers.ecs", ""),
    ("providers.etcd", ""),
    ("providers.redis", ""),
    ("providers.zooKeeper", ""),
    ("providers.http", ""),
    ("providers.rest", ""),
    ("providers.knative", ""),
    ("providers.plugin", ""),
    ("entryPoints.NAME.allowACMEByPass", ""),
    ("entryPoints.NAME.reusePort", "it is always on: leave the key out"),
    ("entryPoints.NAME.forwardedHeaders.connection", ""),
    ("entryPoints.NAME.forwardedHeaders.notAppendXForwardedFor", ""),
    ("entryPoints.NAME.forwardedHeaders.addXForwardedSchemeHeaders", ""),
    ("entryPoints.NAME.http.encodedCharacters", ""),
    ("entryPoints.NAME.http.encodeQuerySemicolons", ""),
    ("entryPoints.NAME.http.middlewares", ""),
    ("entryPoints.NAME.http.redirections", ""),
    ("entryPoints.NAME.http.sanitizePath", "paths are always normalised"),
    ("entryPoints.NAME.http.tls.certResolver", OWN_CERTIFICATES),
    ("entryPoints.NAME.http.tls.domains", OWN_CERTIFICATES),
    ("entryPoints.NAME.http.tls.options", ""),
    ("entryPoints.NAME.http.underscoreHeadersStrategy", ""),
    ("entryPoints.NAME.http2.maxDecoderHeaderTableSize", ""),
    ("entryPoints.NAME.http2.maxEncoderHeaderTableSize", ""),
    ("entryPoints.NAME.http3", ""),
    ("entryPoints.NAME.observability", ""),
    ("entryPoints.NAME.proxyProtocol", ""),
    ("entryPoints.NAME.transport.keepAliveMaxRequests", ""),
    ("entryPoints.NAME.transport.keepAliveMaxTime", ""),
    ("entryPoints.NAME.transport.lifeCycle.requestAcceptGraceTimeout", ""),
    ("entryPoints.NAME.udp", ""),
];

/// What to say about a Traefik key that is not supported yet; nothing if Traefik has no such key.
///
/// A parent that Postern has keys below (`accessLog`) is not in the list by itself: a slip of the finger there
/// (`accessLog.fomat`) is answered by a suggestion.
pub(crate) fn hint(segments: &[&str]) -> Option<&'static str> {
    KNOWN.iter().find(|(path, _)| starts_with(segments, path)).map(|(_, hint)| *hint)
}

fn starts_with(segments: &[&str], path: &str) -> bool {
    let mut given = segments.iter();
    path.split('.').all(|expected| {
        given.next().is_some_and(|s| expected == NAME || expected.eq_ignore_ascii_case(s))
    })
}
