// SPDX-License-Identifier: Apache-2.0
//! The operator's terms under which tenants are compiled: settings, classes and the time.

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_model::{
    ClassSelection, EntryPointSelection, EntryPointSet, IngressClass, ObjectKey, Settings,
    TenancyMode, Timestamp, TlsUse,
};

/// The controllers whose classes are ours; Traefik's own, so that a drop-in needs no change.
const CONTROLLERS: [&str; 2] = ["postern.dev/ingress-controller", "traefik.io/ingress-controller"];

/// The values of `kubernetes.io/ingress.class` that are ours while no class is configured.
const ANNOTATIONS: [&str; 3] = ["", "traefik", "postern"];

/// Whether an object is ours to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// It is.
    Ours,
    /// It belongs to another controller.
    Others,
    /// It names a class that is not there.
    Missing(Arc<str>),
    /// It names a class, and classes are not read.
    Unread(Arc<str>),
}

/// What holds for all tenants alike.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    classes: BTreeMap<Arc<str>, Arc<IngressClass>>,
}

impl Terms {
    pub(crate) fn new(
        settings: Settings,
        now: Timestamp,
        classes: BTreeMap<Arc<str>, Arc<IngressClass>>,
    ) -> Self {
        // In a folder they may be there although a cluster's would not be read.
        let classes = if settings.reads_classes { classes } else { BTreeMap::new() };
        Self { settings, now, classes }
    }

    /// Whether the boundary between tenants exists at all.
    pub(crate) fn is_single_tenant(&self) -> bool {
        self.settings.tenancy == TenancyMode::Off
    }

    /// The most rules and certificates of a tenant about which the operator says nothing.
    pub(crate) fn max_routes(&self) -> Option<u32> {
        self.settings.max_routes.filter(|_| !self.is_single_tenant())
    }

    /// Whether objects of that namespace are read (`providers.kubernetesIngress.namespaces`).
    pub(crate) fn watches(&self, key: &ObjectKey) -> bool {
        let namespaces = &self.settings.namespaces;
        namespaces.is_empty() || namespaces.contains(&key.namespace)
    }

    /// Whose an object is, by its class (Traefik `shouldProcessIngress`; Kubernetes "Default IngressClass").
    pub(crate) fn select(&self, class: &ClassSelection) -> Selection {
        if !self.settings.serves_ingresses {
            return Selection::Others;
        }
        let wanted = self.settings.ingress_class.as_deref();
        match class {
            ClassSelection::Named(name) => self.select_named(name, wanted),
            ClassSelection::Annotated(value) => ours_if(match wanted {
                Some(wanted) => wanted == &**value,
                None => ANNOTATIONS.contains(&&**value),
            }),
            ClassSelection::Unset => ours_if(self.is_default(wanted)),
        }
    }

    fn select_named(&self, name: &Arc<str>, wanted: Option<&str>) -> Selection {
        if wanted.is_some_and(|wanted| wanted != &**name) {
            return Selection::Others;
        }
        match self.classes.get(name) {
            None if !self.settings.reads_classes => Selection::Unread(name.clone()),
            None => Selection::Missing(name.clone()),
            Some(class) => ours_if(CONTROLLERS.contains(&&*class.controller)),
        }
    }

    /// The value of `kubernetes.io/ingress.class` that makes an Ingress ours.
    pub(crate) fn annotation(&self) -> &str {
        self.settings.ingress_class.as_deref().unwrap_or("postern")
    }

    /// Whether the name of a class, of which nothing else is known, is one that stands for us.
    pub(crate) fn is_our_name(&self, class: &str) -> bool {
        match &self.settings.ingress_class {
            Some(wanted) => **wanted == *class,
            None => ANNOTATIONS.contains(&class),
        }
    }

    fn is_default(&self, wanted: Option<&str>) -> bool {
        let mut defaults = self.classes.iter().filter(|(_, class)| class.is_default).peekable();
        if defaults.peek().is_none() {
            return wanted.is_none();
        }
        defaults.any(|(name, class)| {
            CONTROLLERS.contains(&&*class.controller)
                && wanted.is_none_or(|wanted| wanted == &**name)
        })
    }

    /// The entry points of a selection.
    pub(crate) fn entry_points(
        &self,
        selection: &EntryPointSelection,
        tls: TlsUse,
    ) -> EntryPointSet {
        let chosen = match selection {
            EntryPointSelection::Default => {
                self.settings.entry_points_where(|point| point.is_default)
            }
            EntryPointSelection::Named(names) => {
                self.settings.entry_points_where(|point| names.contains(&point.name))
            }
        };
        match tls {
            TlsUse::Any => chosen,
            TlsUse::Only => {
                chosen.intersection(self.settings.entry_points_where(|point| point.tls))
            }
        }
    }

    /// The names in a selection that are no entry point's.
    pub(crate) fn unknown_entry_points<'a>(
        &self,
        selection: &'a EntryPointSelection,
    ) -> impl Iterator<Item = &'a str> {
        let names = match selection {
            EntryPointSelection::Default => [].as_slice(),
            EntryPointSelection::Named(names) => names,
        };
        names.iter().map(|name| &**name).filter(|name| !self.has_entry_point(name))
    }

    fn has_entry_point(&self, name: &str) -> bool {
        self.settings.entry_points.iter().any(|point| &*point.name == name)
    }
}

fn ours_if(ours: bool) -> Selection {
    if ours { Selection::Ours } else { Selection::Others }
}

#[cfg(test)]
mod tests;
