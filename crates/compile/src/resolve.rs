// SPDX-License-Identifier: Apache-2.0
//! The one resolver for every reference of every kind (wall W2): what one tenant may see is its own declarations, and
//! what the ledger says was lent to it.  Permission is checked before existence.

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_model::{
    Declarable, EndpointSlice, Kind, NamespaceModel, ObjectKey, Ref, Secret, Service, TenantModel,
};

/// One tenant's eyes.
///
/// A reference is resolved for the object that makes it:
/// ```
/// use postern_compile::resolve::{Referrer, TenantView};
/// use postern_model::{Ref, Secret};
/// fn is_there(view: &TenantView<'_>, from: Referrer<'_>, name: &Ref<Secret>) -> bool {
///     view.resolve(from, name).is_ok()
/// }
/// ```
/// There is no way around that question, to the tenant's objects or to those of others:
/// ```compile_fail
/// use postern_compile::resolve::{Referrer, TenantView};
/// use postern_model::{Ref, Secret};
/// fn is_there(view: &TenantView<'_>, from: Referrer<'_>, name: &Ref<Secret>) -> bool {
///     view.own.namespaces[name.namespace()].secrets.contains_key(name.name())
/// }
/// ```
/// Nor can a view be widened; what is lent comes from the ledger alone:
/// ```compile_fail
/// use postern_compile::resolve::TenantView;
/// fn widen(view: &mut TenantView<'_>, other: &postern_model::NamespaceModel) {
///     view.lent.insert("other", other);
/// }
/// ```
#[derive(Debug)]
pub struct TenantView<'a> {
    own: &'a TenantModel,
    lent: Lent<'a>,
    cross_namespace: bool,
}

/// Namespaces of other tenants that have a live grant for one of this tenant's, by name.
pub(crate) type Lent<'a> = BTreeMap<&'a str, &'a NamespaceModel>;

/// Who refers: the kind and the namespace of the object that has the reference.
#[derive(Clone, Copy, Debug)]
pub struct Referrer<'a> {
    /// The object's kind.
    pub kind: Kind,
    /// The object's namespace.
    pub namespace: &'a str,
}

impl<'a> Referrer<'a> {
    /// The object of that key.
    pub fn of(key: &'a ObjectKey) -> Self {
        Self { kind: key.kind, namespace: &key.namespace }
    }
}

/// Why a reference leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// It crosses a boundary without permission; says nothing about whether there is such an object.
    #[error("the reference crosses a namespace and is not permitted")]
    NotPermitted,
    /// It is permitted, and there is no such object.
    #[error("there is no such object")]
    NotFound,
}

/// What can be found by reference.
pub trait Resolvable: Declarable + Sized {
    /// The API group of its kind, as a grant writes it.
    const GROUP: &'static str;

    /// The object of that name in a namespace that has been opened.
    fn find<'a>(namespace: &'a NamespaceModel, name: &str) -> Option<&'a Arc<Self>>;
}

impl Resolvable for Secret {
    const GROUP: &'static str = "";

    fn find<'a>(namespace: &'a NamespaceModel, name: &str) -> Option<&'a Arc<Self>> {
        namespace.secrets.get(name)
    }
}

impl Resolvable for Service {
    const GROUP: &'static str = "";

    fn find<'a>(namespace: &'a NamespaceModel, name: &str) -> Option<&'a Arc<Self>> {
        namespace.services.get(name)
    }
}

impl<'a> TenantView<'a> {
    /// The view of the tenant that declared `own`.
    pub(crate) fn new(own: &'a TenantModel, lent: Lent<'a>, cross_namespace: bool) -> Self {
        Self { own, lent, cross_namespace }
    }

    /// What a reference leads to, for the one who makes it.
    pub fn resolve<T: Resolvable>(
        &self,
        from: Referrer<'_>,
        to: &Ref<T>,
    ) -> Result<&'a Arc<T>, Unresolved> {
        let namespace = self.open(from, to)?.ok_or(Unresolved::NotFound)?;
        T::find(namespace, to.name()).ok_or(Unresolved::NotFound)
    }

    /// The EndpointSlices of a Service: they come with it, under the same permission.
    pub(crate) fn slices(
        &self,
        from: Referrer<'_>,
        to: &Ref<Service>,
    ) -> impl Iterator<Item = &'a Arc<EndpointSlice>> {
        let namespace = self.open(from, to).ok().flatten();
        let named = namespace.and_then(|namespace| namespace.slices.get(to.name()));
        named.into_iter().flatten()
    }

    /// One of the tenant's own namespaces.
    pub(crate) fn own(&self, namespace: &str) -> Option<&'a NamespaceModel> {
        self.own.namespaces.get(namespace).map(|namespace| &**namespace)
    }

    /// The namespace that is referred to, if that is permitted and there is one.
    fn open<T: Resolvable>(
        &self,
        from: Referrer<'_>,
        to: &Ref<T>,
    ) -> Result<Option<&'a NamespaceModel>, Unresolved> {
        let own = self.own(to.namespace());
        if to.namespace() == from.namespace {
            return Ok(own);
        }
        let namespace = own.or_else(|| self.lent.get(to.namespace()).copied());
        let permitted = own.is_some() && self.cross_namespace
            || namespace.is_some_and(|namespace| is_granted(namespace, from, to));
        if permitted { Ok(namespace) } else { Err(Unresolved::NotPermitted) }
    }
}

fn is_granted<T: Resolvable>(lender: &NamespaceModel, from: Referrer<'_>, to: &Ref<T>) -> bool {
    let kind = T::KIND.to_string();
    lender.grants.values().any(|grant| {
        let to_it = grant.to.iter().any(|granted| {
            *granted.group == *T::GROUP
                && *granted.kind == *kind
                && granted.name.as_deref().is_none_or(|name| name == to.name())
        });
        to_it
            && grant.from.iter().any(|granted| {
                &*granted.namespace == from.namespace
                    && *granted.kind == *from.kind.to_string()
                    && Some(&*granted.group) == referring_group(from.kind)
            })
    })
}

/// The API group of a kind that can refer.
fn referring_group(kind: Kind) -> Option<&'static str> {
    (kind == Kind::Ingress).then_some("networking.k8s.io")
}

#[cfg(test)]
mod tests;
