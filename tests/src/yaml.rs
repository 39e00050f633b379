// SPDX-License-Identifier: Apache-2.0
//! Kubernetes YAML for tests, in as few words as the subject of a test allows.

use std::fmt::Write;
use std::net::SocketAddr;

/// Joins documents.
pub fn documents(parts: &[&str]) -> String {
    parts.join("\n---\n")
}

/// A Service with one port and one EndpointSlice that serves at `endpoints` (all with the same port).
pub fn service(namespace: &str, name: &str, endpoints: &[SocketAddr]) -> String {
    service_of(namespace, name, "http", endpoints)
}

/// The same with an `appProtocol`.
pub fn service_of(namespace: &str, name: &str, protocol: &str, endpoints: &[SocketAddr]) -> String {
    let mut out = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{ports: [{{name: http, port: 80, appProtocol: {protocol}}}]}}\n"
    );
    for (number, endpoint) in endpoints.iter().enumerate() {
        let _ = write!(out, "---\n{}", slice(namespace, name, number, *endpoint));
    }
    out
}

/// One EndpointSlice with one ready endpoint.
pub fn slice(namespace: &str, service: &str, number: usize, endpoint: SocketAddr) -> String {
    let family = if endpoint.is_ipv4() { "IPv4" } else { "IPv6" };
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata:\n  name: {service}-{number}\n  namespace: {namespace}\n  \
         labels: {{kubernetes.io/service-name: {service}}}\n\
         addressType: {family}\nports: [{{name: http, port: {port}}}]\n\
         endpoints: [{{addresses: [\"{ip}\"], conditions: {{ready: true}}}}]\n",
        port = endpoint.port(),
        ip = endpoint.ip(),
    )
}

/// An Ingress for some hosts with path `/` and one Service at port 80; with TLS when a Secret is named.
pub fn ingress(
    namespace: &str,
    name: &str,
    hosts: &[&str],
    service: &str,
    secret: Option<&str>,
) -> String {
    let mut out = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n"
    );
    if let Some(secret) = secret {
        let _ = writeln!(out, "  tls: [{{secretName: {secret}}}]");
    }
    out.push_str("  rules:\n");
    for host in hosts {
        let _ = writeln!(
            out,
            "  - {{host: \"{host}\", http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: \
             {{name: {service}, port: {{number: 80}}}}}}}}]}}}}"
        );
    }
    out
}

/// A whole tenant of one namespace: a Service at `endpoint`, and an Ingress for `hosts` with the Secret `tls`.
pub fn tenant(namespace: &str, hosts: &[&str], endpoint: SocketAddr) -> String {
    documents(&[
        &service(namespace, "echo", &[endpoint]),
        &ingress(namespace, "site", hosts, "echo", Some("tls")),
    ])
}
