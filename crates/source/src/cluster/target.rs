// SPDX-License-Identifier: Apache-2.0
//! What is watched: a kind, in one namespace or all, perhaps only what a selector selects; and its URLs.

use std::fmt::Write;
use std::sync::Arc;

use postern_model::Kind;

/// Objects on a page of a list.
const PAGE: u32 = 500;
/// Neither Helm's releases nor tokens hold certificates, and both can be many and large.
const SECRETS: &str = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token";
/// A server ends a watch after this many seconds, and as many again at most.
const SHORTEST_WATCH: u32 = 240;

/// One watch's subject.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The kind.
    pub(super) kind: Kind,
    /// The namespace; nothing for all, and for kinds outside of namespaces.
    pub(super) namespace: Option<Arc<str>>,
    /// The only object that is meant.
    pub(super) name: Option<Arc<str>>,
    /// A label selector; empty for all.
    pub(super) labels: Arc<str>,
}

/// Where a watch begins.
#[derive(Clone, Debug)]
pub(super) enum Start {
    /// After that version.
    After(String),
    /// With all objects as they are now: the server asks its store how far it must have read.
    Newest,
    /// With all objects as they were then, or later: the server need not ask.
    AtLeast(String),
}

/// The URL prefixes of each version of a kind, the best first, and its plural.
fn api(kind: Kind) -> (&'static [&'static str], &'static str) {
    const GATEWAY: &[&str] =
        &["/apis/gateway.networking.k8s.io/v1", "/apis/gateway.networking.k8s.io/v1beta1"];
    const OURS: &[&str] = &["/apis/postern.dev/v1alpha1"];
    match kind {
        Kind::Namespace => (&["/api/v1"], "namespaces"),
        Kind::Secret => (&["/api/v1"], "secrets"),
        Kind::Service | Kind::File => (&["/api/v1"], "services"),
        Kind::EndpointSlice => (&["/apis/discovery.k8s.io/v1"], "endpointslices"),
        Kind::Ingress => (&["/apis/networking.k8s.io/v1"], "ingresses"),
        Kind::IngressClass => (&["/apis/networking.k8s.io/v1"], "ingressclasses"),
        Kind::ReferenceGrant => (GATEWAY, "referencegrants"),
        Kind::Tenant => (OURS, "tenants"),
        Kind::HostClaim => (OURS, "hostclaims"),
    }
}

impl Target {
    /// All objects of a kind, in one namespace or all.
    pub(super) fn all(kind: Kind, namespace: Option<Arc<str>>) -> Self {
        Self { kind, namespace, name: None, labels: "".into() }
    }

    /// Whether a cluster may lack the kind.
    pub(super) fn is_optional(&self) -> bool {
        matches!(self.kind, Kind::ReferenceGrant | Kind::Tenant | Kind::HostClaim)
    }

    /// How many versions of the kind are read.
    pub(super) fn versions(&self) -> usize {
        api(self.kind).0.len()
    }

    /// A page of a list.
    pub(super) fn list(&self, version: usize, paged: bool, after: &str) -> String {
        let mut url = self.collection(version);
        let mut query = Query::new(&mut url);
        self.select(&mut query);
        if paged {
            query.add("limit", &PAGE.to_string());
        }
        if !after.is_empty() {
            query.add("continue", after);
        }
        url
    }

    /// A watch that goes on from a resource version, or one that begins with all objects.
    pub(super) fn watch(&self, version: usize, start: &Start) -> String {
        let mut url = self.collection(version);
        let mut query = Query::new(&mut url);
        self.select(&mut query);
        query.add("watch", "true");
        query.add("allowWatchBookmarks", "true");
        let seconds = SHORTEST_WATCH + fastrand::u32(0..SHORTEST_WATCH);
        query.add("timeoutSeconds", &seconds.to_string());
        match start {
            Start::After(version) => query.add("resourceVersion", version),
            Start::Newest => {
                query.add("sendInitialEvents", "true");
                query.add("resourceVersionMatch", "NotOlderThan");
            }
            Start::AtLeast(version) => {
                query.add("sendInitialEvents", "true");
                query.add("resourceVersionMatch", "NotOlderThan");
                query.add("resourceVersion", version);
            }
        }
        url
    }

    /// The only object.
    pub(super) fn object(&self, name: &str) -> String {
        let mut url = self.collection(0);
        url.push('/');
        encode(&mut url, name);
        url
    }

    fn collection(&self, version: usize) -> String {
        let (versions, plural) = api(self.kind);
        let mut url = versions[version % versions.len()].to_owned();
        if let Some(namespace) = &self.namespace {
            url.push_str("/namespaces/");
            encode(&mut url, namespace);
        }
        url.push('/');
        url.push_str(plural);
        url
    }

    fn select(&self, query: &mut Query<'_>) {
        if !self.labels.is_empty() {
            query.add("labelSelector", &self.labels);
        }
        if let Some(name) = &self.name {
            query.add("fieldSelector", &format!("metadata.name={name}"));
        } else if self.kind == Kind::Secret {
            query.add("fieldSelector", SECRETS);
        }
    }
}

struct Query<'a> {
    url: &'a mut String,
    separator: char,
}

impl<'a> Query<'a> {
    fn new(url: &'a mut String) -> Self {
        Self { url, separator: '?' }
    }

    fn add(&mut self, key: &str, value: &str) {
        self.url.push(self.separator);
        self.separator = '&';
        self.url.push_str(key);
        self.url.push('=');
        encode(self.url, value);
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986, 2.3).
fn encode(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_the_version_the_namespace_and_what_is_selected() {
        let mut target = Target::all(Kind::Ingress, Some("acme".into()));
        target.labels = "team in (a, b)".into();
        assert_eq!(
            target.list(0, true, "x="),
            "/apis/networking.k8s.io/v1/namespaces/acme/ingresses\
             ?labelSelector=team%20in%20%28a%2C%20b%29&limit=500&continue=x%3D"
        );
        let grants = Target::all(Kind::ReferenceGrant, None);
        assert_eq!(
            grants.list(1, false, ""),
            "/apis/gateway.networking.k8s.io/v1beta1/referencegrants"
        );
        let mut secret = Target::all(Kind::Secret, Some("acme".into()));
        assert_eq!(secret.object("a/b"), "/api/v1/namespaces/acme/secrets/a%2Fb");
        assert!(
            secret
                .watch(0, &Start::After("7".to_owned()))
                .contains("fieldSelector=type%21%3Dhelm.sh")
        );
        secret.name = Some("cert".into());
        let watch = secret.watch(0, &Start::Newest);
        assert!(watch.contains("fieldSelector=metadata.name%3Dcert"), "{watch}");
        assert!(watch.contains("sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
        assert!(!watch.contains("resourceVersion="), "{watch}");
        let watch = secret.watch(0, &Start::AtLeast("8".to_owned()));
        assert!(watch.contains("resourceVersionMatch=NotOlderThan&resourceVersion=8"), "{watch}");
    }
}
