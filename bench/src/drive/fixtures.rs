// SPDX-License-Identifier: Apache-2.0
//! Folders of Kubernetes YAML for Postern, and a configuration for nginx that does the same work.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::certificates::{Authority, Identity, Key};

/// The tenant whose certificate is ECDSA.
pub(super) const ECDSA: &str = "web.acme.test";
/// The tenant whose certificate is RSA.
pub(super) const RSA: &str = "web.globex.test";

/// One host with everything that serves it: Secret, Ingress, Service and EndpointSlice.
pub(super) fn host(namespace: &str, name: &str, identity: &Identity, backend: u16) -> String {
    let service = name.split('.').next().unwrap_or(name);
    let (chain, key) = (STANDARD.encode(&identity.chain), STANDARD.encode(&identity.key));
    format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: {service}-tls, namespace: {namespace}}}
type: kubernetes.io/tls
data:
  tls.crt: {chain}
  tls.key: {key}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {service}, namespace: {namespace}}}
spec:
  tls:
  - hosts: [{name}]
    secretName: {service}-tls
  rules:
  - host: {name}
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {{service: {{name: {service}, port: {{number: 80}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {service}, namespace: {namespace}}}
spec:
  ports:
  - {{name: http, port: 80, targetPort: {backend}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {service}-1
  namespace: {namespace}
  labels: {{kubernetes.io/service-name: {service}}}
addressType: IPv4
ports:
- {{name: http, port: {backend}, protocol: TCP}}
endpoints:
- addresses: [127.0.0.1]
  conditions: {{ready: true}}
"
    )
}

/// Two tenants, one host each.
pub(super) fn small(folder: &Path, identities: &[Identity; 2], backend: u16) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, identity) in [ECDSA, RSA].iter().zip(identities) {
        let namespace = name.split('.').nth(1).unwrap_or(name);
        let text = format!(
            "{}---\n{}",
            namespace_object(namespace),
            host(namespace, name, identity, backend)
        );
        fs::write(folder.join(format!("{namespace}.yaml")), text)?;
    }
    Ok(())
}

fn namespace_object(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
}

/// The name of one host of the large folder.
pub(super) fn large_host(namespace: usize, host: usize) -> String {
    format!("h{host}.t{namespace}.test")
}

/// Writes one host of the large folder; returns its leaf.
pub(super) fn large_file(
    file: &Path,
    (namespace, number): (usize, usize),
    authority: &Authority,
    backend: u16,
) -> Result<Vec<u8>> {
    let name = large_host(namespace, number);
    let identity = authority.issue(&name, Key::Ecdsa)?;
    fs::write(file, host(&format!("t{namespace}"), &name, &identity, backend))?;
    Ok(identity.leaf)
}

/// Many tenants with many hosts each: a folder per namespace, a file per host.
pub(super) fn large(
    folder: &Path,
    (namespaces, hosts): (usize, usize),
    authority: &Authority,
    backend: u16,
) -> Result<()> {
    for namespace in 0..namespaces {
        let inside = folder.join(format!("t{namespace}"));
        fs::create_dir_all(&inside)?;
        fs::write(inside.join("namespace.yaml"), namespace_object(&format!("t{namespace}")))?;
        for number in 0..hosts {
            let file = inside.join(format!("h{number}.yaml"));
            large_file(&file, (namespace, number), authority, backend)?;
        }
    }
    Ok(())
}

/// nginx with the same two hosts: Host match, the two headers, pooled connections upstream, no access log.
pub(super) fn nginx(folder: &Path, ports: (u16, u16), backend: u16) -> String {
    let folder = folder.display();
    let (web, websecure) = ports;
    let mut text = format!(
        "daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  ssl_protocols TLSv1.2 TLSv1.3;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream backend {{
    server 127.0.0.1:{backend};
    keepalive 128;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{web} default_server backlog=4096;
    return 404;
  }}
"
    );
    for name in [ECDSA, RSA] {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "  server {{
    listen 127.0.0.1:{web};
    listen 127.0.0.1:{websecure} ssl http2;
    server_name {name};
    ssl_certificate {folder}/{name}.crt;
    ssl_certificate_key {folder}/{name}.key;
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
"
        );
    }
    text.push_str("}\n");
    text
}
