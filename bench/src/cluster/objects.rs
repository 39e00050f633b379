// SPDX-License-Identifier: Apache-2.0
//! What the cluster is filled with: tenants with Ingresses, each with a Secret, a Service and an EndpointSlice of its own.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use anyhow::{Context, Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::api::Api;
use crate::drive::certificates::{Authority, Identity, Key};

/// The port of all backends.
pub(super) const PORT: u16 = 8080;
/// How many objects are created at a time.
const AT_ONCE: usize = 128;

/// How many tenants there are, and how many Ingresses each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(super) tenants: usize,
    pub(super) each: usize,
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (tenants, each) =
            text.split_once('x').context("a shape is written TENANTSxINGRESSES")?;
        let shape = Self { tenants: tenants.parse()?, each: each.parse()? };
        anyhow::ensure!(shape.tenants > 0 && shape.each > 0, "a shape has no zeros");
        Ok(shape)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.tenants, self.each)
    }
}

impl Shape {
    /// How many Ingresses there are.
    pub(super) fn ingresses(self) -> usize {
        self.tenants * self.each
    }

    /// The n-th site, in an order that goes from tenant to tenant.
    pub(super) fn site(self, number: usize) -> Site {
        Site { tenant: number % self.tenants, number: number / self.tenants % self.each }
    }

    /// Every namespace.
    pub(super) fn namespaces(self) -> impl Iterator<Item = String> {
        (0..self.tenants).map(|tenant| format!("t{tenant}"))
    }
}

/// One Ingress with what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    tenant: usize,
    number: usize,
}

impl Site {
    /// Its hostname.
    pub(super) fn host(self) -> String {
        format!("h{}.t{}.test", self.number, self.tenant)
    }

    /// Where its Secret is.
    pub(super) fn secret(self) -> String {
        format!("/api/v1/namespaces/t{}/secrets/h{}-tls", self.tenant, self.number)
    }

    /// Where its EndpointSlice is.
    pub(super) fn slice(self) -> String {
        let Self { tenant, number } = self;
        format!("/apis/discovery.k8s.io/v1/namespaces/t{tenant}/endpointslices/h{number}-1")
    }

    /// The collections of its objects, and the objects.
    fn objects(self, identity: &Identity, backend: Ipv4Addr) -> [(String, Value); 4] {
        let Self { tenant, number } = self;
        let (name, host) = (format!("h{number}"), self.host());
        let metadata = |name: &str| {
            let labels = json!({ "app.kubernetes.io/name": format!("h{number}") });
            json!({ "name": name, "labels": labels })
        };
        let mut of_slice = metadata(&format!("{name}-1"));
        of_slice["labels"]["kubernetes.io/service-name"] = json!(name);
        let to = json!({ "service": { "name": name, "port": { "number": 80 } } });
        let within = |api: &str, plural| format!("{api}/namespaces/t{tenant}/{plural}");
        [
            (
                within("/api/v1", "secrets"),
                json!({
                    "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                    "metadata": metadata(&format!("{name}-tls")), "data": data(identity),
                }),
            ),
            (
                within("/api/v1", "services"),
                json!({
                    "apiVersion": "v1", "kind": "Service", "metadata": metadata(&name),
                    "spec": { "ports": [{ "name": "http", "port": 80, "targetPort": PORT }] },
                }),
            ),
            (
                within("/apis/discovery.k8s.io/v1", "endpointslices"),
                json!({
                    "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                    "metadata": of_slice, "addressType": "IPv4",
                    "ports": [{ "name": "http", "port": PORT, "protocol": "TCP" }],
                    "endpoints": endpoints(backend),
                }),
            ),
            (
                within("/apis/networking.k8s.io/v1", "ingresses"),
                json!({
                    "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                    "metadata": metadata(&name),
                    "spec": {
                        "tls": [{ "hosts": [host], "secretName": format!("{name}-tls") }],
                        "rules": [{ "host": host, "http": { "paths": [
                            { "path": "/", "pathType": "Prefix", "backend": to },
                        ] } }],
                    },
                }),
            ),
        ]
    }
}

/// The data of a Secret.
pub(super) fn data(identity: &Identity) -> Value {
    json!({
        "tls.crt": STANDARD.encode(&identity.chain),
        "tls.key": STANDARD.encode(&identity.key),
    })
}

/// One endpoint that is ready.
pub(super) fn endpoints(backend: Ipv4Addr) -> Value {
    json!([{ "addresses": [backend], "conditions": { "ready": true } }])
}

/// Creates the namespaces, then everything in them.
pub(super) async fn fill(
    api: &Api,
    shape: Shape,
    authority: &Authority,
    backend: Ipv4Addr,
) -> Result<()> {
    let namespaces = shape.namespaces().map(|name| {
        let metadata = json!({ "name": name });
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
        async move { api.create("/api/v1/namespaces", &object).await }
    });
    stream::iter(namespaces).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let sites = (0..shape.ingresses()).map(|number| async move {
        let site = shape.site(number);
        let identity = authority.issue(&site.host(), Key::Ecdsa)?;
        for (collection, object) in site.objects(&identity, backend) {
            api.create(&collection, &object).await?;
        }
        Ok(())
    });
    stream::iter(sites).buffer_unordered(AT_ONCE).try_collect::<()>().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_of_a_shape_has_its_own_host_and_neighbours_are_other_tenants() {
        let shape: Shape = "3x2".parse().unwrap();
        let hosts: Vec<_> =
            (0..shape.ingresses()).map(|number| shape.site(number).host()).collect();
        let expected = ["h0.t0", "h0.t1", "h0.t2", "h1.t0", "h1.t1", "h1.t2"];
        assert_eq!(hosts, expected.map(|host| format!("{host}.test")));
        assert!("3".parse::<Shape>().is_err());
        assert!("0x4".parse::<Shape>().is_err());
    }
}
