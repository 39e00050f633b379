// SPDX-License-Identifier: Apache-2.0
//! A reference by name, as its author wrote it.  Only `compile`'s resolver turns one into a thing (wall W2).

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::origin::{Kind, ObjectKey};

/// What a [`Ref`] can point to.
pub trait Declarable {
    /// Its Kubernetes kind.
    const KIND: Kind;
}

/// The name of a `T`: namespace and name, not yet looked up, not yet permitted.
pub struct Ref<T> {
    namespace: Arc<str>,
    name: Arc<str>,
    of: PhantomData<fn() -> T>,
}

impl<T: Declarable> Ref<T> {
    /// A reference to `namespace`/`name`.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into(), of: PhantomData }
    }

    /// The identity that is referred to.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(T::KIND, self.namespace.clone(), self.name.clone())
    }
}

impl<T> Ref<T> {
    /// The namespace that is referred to.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name that is referred to.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        Self { namespace: self.namespace.clone(), name: self.name.clone(), of: PhantomData }
    }
}

impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.namespace == other.namespace && self.name == other.name
    }
}

impl<T> Eq for Ref<T> {}

impl<T: Declarable> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key())
    }
}
