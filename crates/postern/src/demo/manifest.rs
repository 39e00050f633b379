// SPDX-License-Identifier: Apache-2.0
//! The demo's manifests, as a tenant would write them.

use super::Site;
use super::certificate::Leaf;

/// A site: Ingress, Service, EndpointSlice, and a Secret with its certificate.
pub(super) fn site(site: &Site, leaf: &Leaf, port: u16) -> String {
    let Site { tenant, service, host, .. } = site;
    let secret = secret(tenant, &format!("{service}-tls"), leaf);
    let ingress = ingress(tenant, service, Some((host, &format!("{service}-tls"))), host, service);
    format!(
        "{ingress}---
apiVersion: v1
kind: Service
metadata:
  name: {service}
  namespace: {tenant}
spec:
  ports:
  - name: http
    port: 80
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {service}-1
  namespace: {tenant}
  labels:
    kubernetes.io/service-name: {service}
addressType: IPv4
ports:
- name: http
  port: {port}
endpoints:
- addresses: [127.0.0.1]
---
{secret}"
    )
}

/// An Ingress that sends everything under `host` to `service`; `tls` is a host and its Secret.
pub(super) fn ingress(
    namespace: &str,
    name: &str,
    tls: Option<(&str, &str)>,
    host: &str,
    service: &str,
) -> String {
    let tls = match tls {
        Some((host, secret)) => {
            format!("  tls:\n  - hosts: [{host}]\n    secretName: {secret}\n")
        }
        None => String::new(),
    };
    format!(
        "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: {namespace}
spec:
{tls}  rules:
  - host: {host}
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: {service}
            port:
              name: http
"
    )
}

/// A Secret with a certificate.
pub(super) fn secret(namespace: &str, name: &str, leaf: &Leaf) -> String {
    let indented = |pem: &str| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let (chain, key) = (indented(leaf.chain()), indented(leaf.key()));
    format!(
        "apiVersion: v1
kind: Secret
metadata:
  name: {name}
  namespace: {namespace}
type: kubernetes.io/tls
stringData:
  tls.crt: |
{chain}  tls.key: |
{key}"
    )
}
