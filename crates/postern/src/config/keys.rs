// SPDX-License-Identifier: Apache-2.0
//! The table of keys.  Parsing, `--help`, suggestions, shell completions and `docs/user/options.md` all come from it.

use super::key::ValueKind::{Choice, Count, Duration, List, Switch, Text};
use super::key::{Key, ValueKind};

macro_rules! keys {
    ($($constant:ident = $path:literal, $kind:expr, $default:literal, $help:literal;)*) => {
        $(pub(crate) static $constant: Key =
            Key { path: $path, kind: $kind, default: $default, help: $help };)*

        /// Every key, in the order of the reference table.
        pub(crate) static KEYS: &[&Key] = &[$(&$constant),*];
    };
}

const TENANCY_MODES: ValueKind = Choice(&["namespace", "declared", "off"]);
const ACCESS_LOG_FORMATS: ValueKind = Choice(&["common", "json"]);
/// The words after `error` are Traefik's and mean the nearest of ours.
const LOG_LEVELS: ValueKind =
    Choice(&["debug", "info", "warn", "error", "trace", "fatal", "panic"]);

keys! {
    CONFIG_FILE = "configFile", Text, "",
        "A YAML or TOML file (by its ending) with these same keys.";
    ENTRY_POINT = "entryPoints.NAME", Switch, "true",
        "Declares an entry point. As soon as an address is configured, only the entry points that are configured exist; without one there are web and websecure.";
    ENTRY_POINT_ADDRESS = "entryPoints.NAME.address", List, "web: :8000, websecure: :8443",
        "Where it listens, as host:port; :port means all addresses, IPv6 and IPv4. Repeat it, or separate by commas, for several addresses.";
    ENTRY_POINT_AS_DEFAULT = "entryPoints.NAME.asDefault", Switch, "false",
        "Serves routes that name no entry point here. If no entry point says so, all of them do.";
    READ_TIMEOUT = "entryPoints.NAME.transport.respondingTimeouts.readTimeout", Duration, "60s",
        "Limits the time from accept to a request's complete head, and between two pieces of its body. 0 means no limit.";
    WRITE_TIMEOUT = "entryPoints.NAME.transport.respondingTimeouts.writeTimeout", Duration, "0s",
        "Limits the time between two pieces of an answer that the client takes. 0 means no limit.";
    IDLE_TIMEOUT = "entryPoints.NAME.transport.respondingTimeouts.idleTimeout", Duration, "180s",
        "Limits the time between two requests on one connection. 0 means no limit.";
    GRACE_TIMEOUT = "entryPoints.NAME.transport.lifeCycle.graceTimeOut", Duration, "10s",
        "How long open requests may go on after SIGTERM. The longest of all entry points counts.";
    FORWARDED_INSECURE = "entryPoints.NAME.forwardedHeaders.insecure", Switch, "false",
        "Believes X-Forwarded-* headers from everybody.";
    FORWARDED_TRUSTED = "entryPoints.NAME.forwardedHeaders.trustedIPs", List, "",
        "Believes X-Forwarded-* headers from these addresses and CIDR ranges.";
    HTTP_MAX_HEADER_BYTES = "entryPoints.NAME.http.maxHeaderBytes", Count, "1048576",
        "The most bytes of a request's head.";
    HTTP_TLS = "entryPoints.NAME.http.tls", Switch, "websecure: true, others: false",
        "Speaks TLS on this entry point.";
    HTTP2_STREAMS = "entryPoints.NAME.http2.maxConcurrentStreams", Count, "250",
        "The most streams at a time on one HTTP/2 connection.";
    TENANCY_MODE = "tenancy.mode", TENANCY_MODES, "namespace",
        "How namespaces become tenants: each is one (unless a Tenant object groups it), only those that a Tenant object lists, or all are one.";
    TENANCY_QUARANTINE = "tenancy.quarantine", Duration, "24h",
        "How long a hostname that a tenant gave up stays closed to other tenants.";
    TENANCY_HOSTS = "tenancy.limits.hosts", Count, "5000",
        "The most hostnames that one tenant holds claims to; those that it holds stay, and a hostname more is not served. spec.limits.hosts of a Tenant goes before it. In tenancy.mode off there are no claims. 0 means no limit.";
    TENANCY_ROUTES = "tenancy.limits.routes", Count, "20000",
        "The most routes and certificates of one tenant; what exceeds it is not served, the oldest objects are. spec.limits.routes and certificates of a Tenant go before it. In tenancy.mode off there is no limit. 0 means no limit.";
    TENANCY_REQUESTS = "tenancy.limits.requestsInFlight", Count, "a quarter of the open files",
        "The most requests of one tenant that are being answered at one moment, WebSockets included, over all workers; further ones are answered with 429. spec.limits.requestsInFlight of a Tenant goes before it. By default they may hold a quarter of the file descriptors that the process may have, two each; in tenancy.mode off there is no limit. 0 means no limit.";
    TENANCY_CONNECTIONS = "tenancy.limits.connections", Count, "half of limits.connections",
        "The most client connections with TLS of one tenant, by the hostname of their handshake, that are open at one moment, over all workers; for a further one, the tenant's own that has waited longest without a request is closed, and if there is none the new one. spec.limits.connections of a Tenant goes before it. In tenancy.mode off there is no limit. 0 means no limit.";
    CONNECTIONS = "limits.connections", Count, "by the open files",
        "The most client connections that are open at one moment, over all workers and entry points. At the limit, one that waits makes room for each new one: one that has been silent for two seconds, or else one of the address (IPv6: of the /64 network) of which most wait. Addresses in trustedIPs are not taken for one client. By default there are so many that each of them can have a connection to a backend: three in eight of the file descriptors that the process may have. 0 means no limit.";
    INGRESS = "providers.kubernetesIngress", Switch, "true",
        "Serves Ingress objects; when false, and as no other provider exists yet, nothing is served.";
    INGRESS_NAMESPACES = "providers.kubernetesIngress.namespaces", List, "",
        "Reads objects of these namespaces only; without it, of all. In a cluster each of them is watched by itself, so that rights in them are enough.";
    INGRESS_CLASS = "providers.kubernetesIngress.ingressClass", Text, "",
        "Serves Ingresses of this class only; without it, of every class whose controller is Postern, or of none.";
    INGRESS_EMPTY_SERVICES = "providers.kubernetesIngress.allowEmptyServices", Switch, "true",
        "A route to a Service without endpoints answers 503; when false it is left out, and answers 404.";
    INGRESS_EXTERNAL_NAME = "providers.kubernetesIngress.allowExternalNameServices", Switch, "false",
        "Serves Services of type ExternalName: their names are resolved when a request comes. Names of the cluster itself, and aliases of those, are refused, and so are private addresses, unless egress.allow has them or tenancy.mode is off. Where Pods or nodes have public addresses, name their networks in egress.deny. Answers of the DNS that do not fit in a datagram are not used.";
    INGRESS_LABELS = "providers.kubernetesIngress.labelSelector", Text, "",
        "Reads only the Ingresses that this label selector selects, in Kubernetes' spelling: app=shop,tier!=test.";
    INGRESS_CROSS_NAMESPACE = "providers.kubernetesIngress.allowCrossNamespace", Switch, "false",
        "Allows references to another namespace of the same tenant. Those to another tenant's need a ReferenceGrant, always.";
    INGRESS_CROSS_PROVIDER = "providers.kubernetesIngress.crossProviderNamespaces", List, "",
        "The namespaces whose objects may name name@provider in annotations; without it, all, and with an empty list, none.";
    INGRESS_NATIVE_LB = "providers.kubernetesIngress.nativeLBByDefault", Switch, "false",
        "Sends requests to a Service's own address and not to its endpoints, unless its annotation service.nativelb says otherwise.";
    INGRESS_STRICT_PREFIX = "providers.kubernetesIngress.strictPrefixMatching", Switch, "true",
        "A path of type Prefix matches element by element, as Kubernetes has it: /foo does not match /foobar. When false it does, as in Traefik by default.";
    INGRESS_THROTTLE = "providers.kubernetesIngress.throttleDuration", Duration, "0s",
        "The least time between two changes that are taken over from a cluster.";
    INGRESS_ENDPOINT_IP = "providers.kubernetesIngress.ingressEndpoint.ip", Text, "",
        "The address that is written into the status of Ingresses.";
    INGRESS_ENDPOINT_HOSTNAME = "providers.kubernetesIngress.ingressEndpoint.hostname", Text, "",
        "The hostname that is written into the status of Ingresses.";
    INGRESS_ENDPOINT_SERVICE = "providers.kubernetesIngress.ingressEndpoint.publishedService", Text, "",
        "The Service, as namespace/name, whose load balancer's addresses are written into the status of Ingresses.";
    INGRESS_NODE_ADDRESSES = "providers.kubernetesIngress.reportNodeInternalIPs", Switch, "false",
        "Writes the internal addresses of the cluster's nodes into the status of Ingresses, the first 64 in their order. It needs the right to get, list and watch Nodes, and excludes ingressEndpoint and disableClusterScopeResources.";
    INGRESS_SECRETS_BY_NAME = "providers.kubernetesIngress.secretsByName", Switch, "false",
        "Reads the Secrets of a cluster one by one, by their names, and never lists them.";
    INGRESS_NO_CLUSTER_SCOPE = "providers.kubernetesIngress.disableClusterScopeResources", Switch, "false",
        "Reads nothing that lies outside of namespaces: no IngressClass, Namespace, Tenant or HostClaim.";
    INGRESS_ENDPOINT = "providers.kubernetesIngress.endpoint", Text, "",
        "The URL of the API server; not needed in a Pod, nor with a kubeconfig.";
    INGRESS_TOKEN = "providers.kubernetesIngress.token", Text, "",
        "A bearer token for the endpoint, or the path of a file that holds one.";
    INGRESS_AUTHORITY = "providers.kubernetesIngress.certAuthFilePath", Text, "",
        "A file with the PEM certificates by which the endpoint is known.";
    CRD = "providers.kubernetesCRD", Switch, "false",
        "Accepted, so that Traefik's configuration can be kept: Traefik's own kinds (IngressRoute, Middleware and so on) are not read yet.";
    CRD_NAMESPACES = "providers.kubernetesCRD.namespaces", List, "",
        "Added to providers.kubernetesIngress.namespaces.";
    EGRESS_ALLOW = "egress.allow", List, "",
        "Backends may live in these CIDR ranges although they are denied below or by default (loopback, link-local, multicast).";
    EGRESS_DENY = "egress.deny", List, "",
        "Backends may not live in these CIDR ranges, in addition to those denied by default.";
    EGRESS_POD_TARGETS = "egress.requirePodTargets", Switch, "false",
        "Refuses endpoints whose EndpointSlice names no Pod of its own namespace as targetRef.";
    UPSTREAM_INSECURE = "serversTransport.insecureSkipVerify", Switch, "false",
        "Does not verify the certificates of backends.";
    UPSTREAM_ROOTS = "serversTransport.rootCAs", List, "",
        "Files with PEM certificates that backends' certificates are verified against, in addition to the system's.";
    UPSTREAM_IDLE = "serversTransport.maxIdleConnsPerHost", Count, "200",
        "The most idle connections kept per worker, tenant and endpoint.";
    UPSTREAM_DIAL = "serversTransport.forwardingTimeouts.dialTimeout", Duration, "30s",
        "Limits the time to connect to a backend. 0 means no limit.";
    UPSTREAM_HEADER = "serversTransport.forwardingTimeouts.responseHeaderTimeout", Duration, "0s",
        "Limits the time from the end of a request to the head of its answer. 0 means no limit.";
    UPSTREAM_IDLE_TIMEOUT = "serversTransport.forwardingTimeouts.idleConnTimeout", Duration, "90s",
        "How long an idle connection to a backend is kept. 0 means no limit.";
    ADMIN_ADDRESS = "admin.address", Text, "127.0.0.1:9000",
        "Where /ping, /metrics and /api/snapshot are served; empty turns them off.";
    HEALTH_ADDRESS = "health.address", Text, "",
        "Where only /ping and /metrics are served, for probes and scrapes from elsewhere; empty turns it off.";
    ACCESS_LOG = "accessLog", Switch, "false",
        "Writes one line per request; any other accessLog key turns it on, too.";
    ACCESS_LOG_FORMAT = "accessLog.format", ACCESS_LOG_FORMATS, "common",
        "Common Log Format with the tenant at its end, or JSON.";
    ACCESS_LOG_FILE = "accessLog.filePath", Text, "",
        "The file it is written to; standard output without it.";
    LOG_LEVEL = "log.level", LOG_LEVELS, "info",
        "The least severity of what is logged to standard error; trace means debug, fatal and panic mean error.";
    WORKERS = "workers", Count, "one per CPU",
        "Worker threads, each with its own sockets and connection pools.";
}
