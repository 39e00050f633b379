// SPDX-License-Identifier: Apache-2.0
//! Where a declaration comes from: which object, from which file and line, since when.

use std::fmt;
use std::sync::Arc;

/// Seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// The kinds that Postern reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` Namespace
    Namespace,
    /// `v1` Secret
    Secret,
    /// `v1` Service
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice
    EndpointSlice,
    /// `networking.k8s.io/v1` Ingress
    Ingress,
    /// `networking.k8s.io/v1` IngressClass
    IngressClass,
    /// `gateway.networking.k8s.io` ReferenceGrant
    ReferenceGrant,
    /// `postern.dev/v1alpha1` Tenant
    Tenant,
    /// `postern.dev/v1alpha1` HostClaim
    HostClaim,
    /// Not an object: a file that could not be read.
    File,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The identity of an object: a tuple, never a joined string (`foo`/`bar-auth` and `foo-bar`/`auth` are two things).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// What it is.
    pub kind: Kind,
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The key of `kind` `namespace`/`name`; an empty namespace for cluster-scoped kinds.
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        if namespace.is_empty() {
            write!(f, "{kind} {name}")
        } else {
            write!(f, "{kind} {namespace}/{name}")
        }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in a folder of YAML.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as the user named the folder, then the path in it.
    pub file: Arc<str>,
    /// The 1-based line on which the object starts.
    pub line: u32,
    /// The object's position among the objects of its file: breaks ties of age.
    pub position: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An object's identity, age and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which object.
    pub key: ObjectKey,
    /// `metadata.uid`, where there is one.
    pub uid: Option<Arc<str>>,
    /// `metadata.creationTimestamp`, where there is one.
    pub created: Option<Timestamp>,
    /// Where it stands, for objects from a folder.
    pub place: Option<Place>,
}

impl Origin {
    /// An origin with nothing known but the key.
    pub fn bare(key: ObjectKey) -> Self {
        Self { key, uid: None, created: None, place: None }
    }

    /// Orders objects by age: creationTimestamp (absent ones last), then path and position, then key.  Total, and the
    /// same in every replica.
    pub fn age(&self) -> impl Ord + '_ {
        (
            self.created.is_none(),
            self.created,
            self.place.as_ref().map(|p| (&p.file, p.position)),
            &self.key,
        )
    }
}
