// SPDX-License-Identifier: Apache-2.0
//! Objects of tenants.

use std::fmt::Write;

/// The objects, one after another.
pub(crate) fn documents(all: &[&str]) -> String {
    all.join("\n---\n")
}

/// A namespace with an echo Service `echo` of one Pod.
pub(crate) fn tenant(namespace: &str) -> String {
    documents(&[&self::namespace(namespace), &echo(namespace)])
}

/// A namespace.
pub(crate) fn namespace(name: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}")
}

/// A Deployment and a Service `echo`.
pub(crate) fn echo(namespace: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: echo, namespace: {namespace}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: echo}}}}
  template:
    metadata: {{labels: {{app: echo}}}}
    spec:
      securityContext: {{runAsUser: 65532}}
      terminationGracePeriodSeconds: 1
      containers:
      - name: echo
        image: postern.dev/test/echo:1
        ports: [{{containerPort: 8080}}]
        env:
        - {{name: POD_NAME, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
        - {{name: POD_NAMESPACE, valueFrom: {{fieldRef: {{fieldPath: metadata.namespace}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: echo, namespace: {namespace}}}
spec: {{selector: {{app: echo}}, ports: [{{port: 80, targetPort: 8080}}]}}"
    )
}

/// An Ingress with a rule for each host, all to the Service `echo`.
pub(crate) fn ingress(namespace: &str, name: &str, hosts: &[&str]) -> String {
    ingress_to(namespace, name, hosts, "", "echo")
}

/// The same, with a Secret for the hosts.
pub(crate) fn secure(namespace: &str, name: &str, hosts: &[&str], secret: &str) -> String {
    secure_to(namespace, name, hosts, secret, "echo")
}

/// The same, to another Service.
pub(crate) fn secure_to(
    namespace: &str,
    name: &str,
    hosts: &[&str],
    secret: &str,
    service: &str,
) -> String {
    let list = hosts.iter().map(|host| format!("{host:?}")).collect::<Vec<_>>().join(", ");
    let tls = format!("  tls: [{{hosts: [{list}], secretName: {secret}}}]\n");
    ingress_to(namespace, name, hosts, &tls, service)
}

/// Another Service for the Pods of `echo`.
pub(crate) fn service(namespace: &str, name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{selector: {{app: echo}}, ports: [{{port: 80, targetPort: 8080}}]}}"
    )
}

fn ingress_to(namespace: &str, name: &str, hosts: &[&str], tls: &str, service: &str) -> String {
    let mut text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n{tls}  rules:\n"
    );
    for host in hosts {
        let backend = format!("{{service: {{name: {service}, port: {{number: 80}}}}}}");
        writeln!(
            text,
            "  - host: {host:?}\n    http: {{paths: [{{path: /, pathType: Prefix, backend: {backend}}}]}}"
        )
        .expect("a String takes everything");
    }
    text
}
