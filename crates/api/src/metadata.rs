// SPDX-License-Identifier: Apache-2.0
//! `metadata`: the part that every object has.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::is_nearly;
use crate::text_map::{TextMap, filtered};

/// `metadata`, as far as Postern reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectMeta {
    /// `metadata.name`
    #[serde(default)]
    pub name: Option<String>,
    /// `metadata.namespace`
    #[serde(default)]
    pub namespace: Option<String>,
    /// `metadata.uid`
    #[serde(default)]
    pub uid: Option<String>,
    /// `metadata.creationTimestamp`, in the format of RFC 3339.
    #[serde(default)]
    pub creation_timestamp: Option<String>,
    /// `metadata.labels`
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub labels: TextMap,
    /// `metadata.annotations`, only those that routers read.
    #[serde(default, deserialize_with = "crate::null_is_absent")]
    pub annotations: Annotations,
}

/// The annotations that decide about routing, or that their author may believe to do so.  Others, such as
/// `kubectl.kubernetes.io/last-applied-configuration`, are skipped while reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations(pub BTreeMap<String, String>);

impl Annotations {
    /// What Traefik's annotations begin with.
    pub const TRAEFIK: &str = "traefik.ingress.kubernetes.io/";
    /// What ingress-nginx's annotations begin with.
    pub const NGINX: &str = "nginx.ingress.kubernetes.io/";
    /// Chooses the class of an Ingress without `spec.ingressClassName`.
    pub const CLASS: &str = "kubernetes.io/ingress.class";
    /// Marks the default IngressClass.
    pub const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

fn is_read(key: &str) -> bool {
    key == Annotations::CLASS || key == Annotations::DEFAULT_CLASS || is_router(key)
}

/// Whether it is, or is meant to be, an annotation for a router that Postern knows.
fn is_router(key: &str) -> bool {
    let is_like = |start: &str| {
        // A start of ours ends with the slash.
        let domain = key.split_once('/').map(|(domain, _)| domain);
        let start = start.trim_end_matches('/');
        domain.is_some_and(|domain| is_nearly(domain, start))
    };
    is_like(Annotations::TRAEFIK) || is_like(Annotations::NGINX)
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        filtered(deserializer, is_read).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_annotations_that_are_read_are_kept() {
        let text = r#"{"name":"a","labels":null,"annotations":{
            "kubectl.kubernetes.io/last-applied-configuration":{"any":["thing"]},
            "kubernetes.io/ingress.class":"x","traefik.ingress.kubernetes.io/router.tls":null}}"#;
        let metadata: ObjectMeta = serde_json::from_str(text).unwrap();
        assert_eq!(metadata.annotations.0.len(), 1);
        assert_eq!(metadata.annotations.value(Annotations::CLASS), Some("x"));
        assert_eq!(metadata.labels, TextMap::default());
    }

    #[test]
    fn annotations_whose_domain_is_misspelt_are_kept_to_be_told() {
        for kept in [
            "traefik.ingress.kubernets.io/router.middlewares",
            "Traefik.ingress.kubernetes.io/x",
            "nginx.ingres.kubernetes.io/auth-url",
        ] {
            assert!(is_read(kept), "{kept}");
        }
        for other in [
            "traefik.ingress.kubernetes.io",
            "alb.ingress.kubernetes.io/scheme",
            "service.beta.kubernetes.io/aws-load-balancer-type",
            "external-dns.alpha.kubernetes.io/hostname",
            "",
        ] {
            assert!(!is_read(other), "{other}");
        }
    }
}
