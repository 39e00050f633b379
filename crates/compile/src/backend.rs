// SPDX-License-Identifier: Apache-2.0
//! Services resolved to endpoints.  Backends have numbers, so that a change of endpoints leaves every route as it is.

mod external;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use postern_model::{
    BackendUse, Endpoint, Finding, ObjectKey, PortName, Ref, Service, ServiceKind, ServicePort,
    SmallMap,
};
use postern_snapshot::editor::TenantRoom;
use postern_snapshot::{Backend, BackendKey, BackendSlot, Editor};

use self::external::Destination;
use crate::few::Few;
use crate::notice;
use crate::resolve::{Referrer, TenantView, Unresolved};
use crate::terms::Terms;

/// Namespace and name of a Service.
pub(crate) type ServiceName = (Arc<str>, Arc<str>);

/// All backends of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Backends {
    services: SmallMap<ServiceName, InUse>,
    /// Numbers that no route of the last snapshot uses.
    free: Vec<u32>,
    /// Numbers that became free in this compile: the last snapshot still uses them.
    freed: Vec<u32>,
    next: u32,
    /// Services of other namespaces in use.
    elsewhere: Few<ServiceName>,
}

/// One Service in use.
#[derive(Debug, Default)]
struct InUse {
    users: Few<ObjectKey>,
    ports: Vec<Port>,
}

#[derive(Debug)]
struct Port {
    uses: u32,
    slot: BackendSlot,
    backend: Arc<Backend>,
    /// Mostly nothing.
    refused: Option<Box<Refused>>,
}

/// Endpoints that are not used although they serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Refused {
    by_egress: BTreeSet<IpAddr>,
    not_owned: BTreeSet<IpAddr>,
}

/// Why a use of a Service leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoBackend {
    Unresolved(Unresolved),
    ExternalName,
    /// An external name that means something inside the cluster, or that is no name.
    ExternalNameInside,
    NoSuchPort,
}

/// Finds the Service and the port of it that are meant.
pub(crate) fn resolve<'a>(
    view: &TenantView<'a>,
    terms: &Terms,
    from: Referrer<'_>,
    wanted: &BackendUse,
) -> Result<(&'a Arc<Service>, &'a ServicePort), NoBackend> {
    let service = view.resolve(from, &wanted.service).map_err(NoBackend::Unresolved)?;
    if let ServiceKind::ExternalName(name) = &service.kind {
        if !terms.settings.allow_external_names {
            return Err(NoBackend::ExternalName);
        }
        Destination::of(name).ok_or(NoBackend::ExternalNameInside)?;
    }
    let port = service.ports.iter().find(|port| match &wanted.port {
        PortName::Number(number) => port.port == *number,
        PortName::Name(name) => port.name == *name,
    });
    port.map(|port| (service, port)).ok_or(NoBackend::NoSuchPort)
}

/// What backends are compiled with.
pub(crate) struct Workshop<'a, 'w> {
    pub(crate) view: &'a TenantView<'w>,
    pub(crate) terms: &'a Terms,
    pub(crate) room: TenantRoom,
}

impl Backends {
    /// Files an object under a Service that it names, resolved or not: it must be told when the Service changes.
    pub(crate) fn watch(&mut self, object: &ObjectKey, service: &Ref<Service>) {
        let name = name_of(service);
        if name.0 != object.namespace {
            self.elsewhere.insert(name.clone());
        }
        self.services.or_default(name).users.insert(object.clone());
    }

    /// The opposite.
    pub(crate) fn unwatch(&mut self, object: &ObjectKey, service: &Ref<Service>) {
        let name = name_of(service);
        if name.0 != object.namespace {
            self.elsewhere.remove(&name);
        }
        if let Some(in_use) = self.services.get_mut(&name) {
            in_use.users.remove(object);
        }
    }

    /// The objects that name a Service.
    pub(crate) fn users(&self, service: &ServiceName) -> Vec<ObjectKey> {
        let users = self.services.get(service).map(|in_use| in_use.users.iter().cloned());
        users.into_iter().flatten().collect()
    }

    /// Whether any Service of another namespace is named.
    pub(crate) fn borrows(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// The objects that name a Service of another namespace: a grant may permit or forbid it.
    pub(crate) fn users_elsewhere(&self) -> Vec<ObjectKey> {
        self.elsewhere.iter().flat_map(|service| self.users(service)).collect()
    }

    /// The number of a port of a Service for one more route, and whether it has an endpoint.
    pub(crate) fn acquire(
        &mut self,
        shop: &Workshop<'_, '_>,
        from: Referrer<'_>,
        found: (&Arc<Service>, &ServicePort),
        editor: &mut Editor,
    ) -> (BackendSlot, bool) {
        let (service, port) = found;
        let key = &service.origin.key;
        let in_use = self.services.or_default((key.namespace.clone(), key.name.clone()));
        if let Some(known) =
            in_use.ports.iter_mut().find(|known| known.backend.key.port == port.port)
        {
            known.uses += 1;
            return (known.slot, known.backend.serves());
        }
        let (backend, refused) = build(shop, from, service, port);
        let number = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        let slot = BackendSlot(number);
        let backend = Arc::new(backend);
        editor.set_backend(shop.room, slot, Some(backend.clone()));
        let serves = backend.serves();
        in_use.ports.reserve_exact(1);
        in_use.ports.push(Port { uses: 1, slot, backend, refused });
        (slot, serves)
    }

    /// One route less uses a backend.
    pub(crate) fn release(&mut self, service: &ServiceName, slot: BackendSlot) {
        let ports = self.services.get_mut(service).map(|in_use| in_use.ports.iter_mut());
        if let Some(port) = ports.into_iter().flatten().find(|port| port.slot == slot) {
            port.uses = port.uses.saturating_sub(1);
        }
    }

    /// Looks at a Service's endpoints again; says whether it now has some and had none, or the reverse.
    pub(crate) fn refresh(
        &mut self,
        shop: &Workshop<'_, '_>,
        service: &ServiceName,
        editor: &mut Editor,
    ) -> bool {
        let Some(in_use) = self.services.get_mut(service) else { return false };
        let to = Ref::<Service>::new(service.0.clone(), service.1.clone());
        let resolved = in_use.users.iter().find_map(|user| {
            let from = Referrer::of(user);
            shop.view.resolve(from, &to).ok().map(|found| (from, found))
        });
        let Some((from, found)) = resolved else { return false };
        let mut turned = false;
        for known in &mut in_use.ports {
            let Some(port) = found.ports.iter().find(|port| port.port == known.backend.key.port)
            else {
                continue;
            };
            let (backend, refused) = build(shop, from, found, port);
            known.refused = refused;
            if backend == *known.backend {
                continue;
            }
            turned |= backend.serves() != known.backend.serves();
            known.backend = Arc::new(backend);
            editor.set_backend(shop.room, known.slot, Some(known.backend.clone()));
        }
        turned
    }

    /// Frees what no route uses any more, and says what there is to say about the Service.
    pub(crate) fn settle(
        &mut self,
        shop: &Workshop<'_, '_>,
        service: &ServiceName,
        editor: &mut Editor,
    ) -> Vec<Finding> {
        let Some(in_use) = self.services.get_mut(service) else { return Vec::new() };
        for port in in_use.ports.extract_if(.., |port| port.uses == 0) {
            editor.set_backend(shop.room, port.slot, None);
            self.freed.push(port.slot.0);
        }
        let findings = findings(shop.view, service, in_use);
        if in_use.users.is_empty() && in_use.ports.is_empty() {
            self.services.remove(service);
        }
        findings
    }

    /// Numbers that this compile freed may be given out from the next one on.
    pub(crate) fn finish(&mut self) {
        self.free.append(&mut self.freed);
    }
}

/// Namespace and name of the Service that a reference names.
pub(crate) fn name_of(service: &Ref<Service>) -> ServiceName {
    let key = service.key();
    (key.namespace, key.name)
}

fn build(
    shop: &Workshop<'_, '_>,
    from: Referrer<'_>,
    service: &Service,
    port: &ServicePort,
) -> (Backend, Option<Box<Refused>>) {
    let key = &service.origin.key;
    let mut refused = Refused::default();
    let mut ready = BTreeSet::new();
    let mut serving = BTreeSet::new();
    let to = Ref::<Service>::new(key.namespace.clone(), key.name.clone());
    let mut external = None;
    let admitted_alone = match &service.kind {
        ServiceKind::Native(address) => {
            Some((*address, shop.terms.settings.egress.allows(*address)))
        }
        ServiceKind::ExternalName(name) if shop.terms.settings.allow_external_names => {
            match Destination::of(name) {
                Some(Destination::Address(address)) => {
                    Some((address, external::admits(address, shop.terms)))
                }
                Some(Destination::Name(name)) => {
                    external = Some(Box::new(Destination::under(name, shop.terms)));
                    None
                }
                None => None,
            }
        }
        ServiceKind::ExternalName(_) | ServiceKind::Endpoints => None,
    };
    match admitted_alone {
        Some((address, true)) => {
            ready.insert(SocketAddr::new(address, port.port));
        }
        Some((address, false)) => {
            refused.by_egress.insert(address);
        }
        None => {}
    }
    let balances = service.kind == ServiceKind::Endpoints;
    for slice in shop.view.slices(from, &to).filter(|_| balances) {
        // Endpoints belong to a Service's port by the port's name (Kubernetes EndpointSlice, `ports[].name`).
        for (_, number) in slice.ports.iter().filter(|(name, _)| *name == port.name) {
            for endpoint in slice.endpoints.iter().filter(|e| e.ready || e.serving) {
                let Some(address) = admitted(shop.terms, endpoint, &key.namespace, &mut refused)
                else {
                    continue;
                };
                let set = if endpoint.ready { &mut ready } else { &mut serving };
                set.insert(SocketAddr::new(address, *number));
            }
        }
    }
    // Those that are being stopped but still serve are used only when nothing else is left (KEP-1669).
    let endpoints = if ready.is_empty() { serving } else { ready };
    let backend = Backend {
        key: BackendKey {
            namespace: key.namespace.clone(),
            service: key.name.clone(),
            port: port.port,
        },
        protocol: port.protocol,
        server_name: server_name(service),
        pass_host_header: service.pass_host_header,
        endpoints: endpoints.into_iter().collect(),
        external,
    };
    let refused = (refused != Refused::default()).then(|| Box::new(refused));
    (backend, refused)
}

/// The name that an endpoint's certificate must have: that of the outside world, for what is outside.
fn server_name(service: &Service) -> Arc<str> {
    let key = &service.origin.key;
    match &service.kind {
        ServiceKind::ExternalName(name) => match Destination::of(name) {
            Some(Destination::Name(name)) => name.as_str().into(),
            _ => name.clone(),
        },
        _ => format!("{}.{}.svc", key.name, key.namespace).into(),
    }
}

/// The endpoint's address, if a tenant may have requests sent there (I14).
fn admitted(
    terms: &Terms,
    endpoint: &Endpoint,
    namespace: &str,
    refused: &mut Refused,
) -> Option<IpAddr> {
    let address = *endpoint.addresses.first()?;
    let egress = &terms.settings.egress;
    let is_own = match &endpoint.pod_namespace {
        Some(pod) => **pod == *namespace,
        None => !egress.require_pod_targets,
    };
    if !egress.allows(address) {
        refused.by_egress.insert(address);
    } else if !is_own {
        refused.not_owned.insert(address);
    } else {
        return Some(address);
    }
    None
}

/// What there is to say about a Service in use.  About a Service that was lent nothing is said: it is another's object.
fn findings(view: &TenantView<'_>, name: &ServiceName, in_use: &InUse) -> Vec<Finding> {
    let own = view.own(&name.0).and_then(|namespace| namespace.services.get(&name.1));
    let Some(service) = own else { return Vec::new() };
    let origin = &service.origin;
    let addresses = |of: fn(&Refused) -> &BTreeSet<IpAddr>| {
        let refused = in_use.ports.iter().filter_map(|port| port.refused.as_deref());
        refused.flat_map(of).collect::<BTreeSet<_>>().len()
    };
    let mut findings = Vec::new();
    let denied = addresses(|refused| &refused.by_egress);
    if denied > 0 {
        let message =
            format!("{} may not be used as backend", count(denied, "address", "addresses"));
        findings.push(notice::EGRESS_DENIED.about(origin, "", message));
    }
    let foreign = addresses(|refused| &refused.not_owned);
    if foreign > 0 {
        let message = format!(
            "{} not known to be a Pod of the Service's namespace",
            count(foreign, "endpoint is", "endpoints are")
        );
        findings.push(notice::ENDPOINT_NOT_OWNED.about(origin, "", message));
    }
    let mut empty: Vec<_> = in_use.ports.iter().filter(|port| !port.backend.serves()).collect();
    empty.sort_by_key(|port| port.backend.key.port);
    for port in empty {
        let field = format!("spec.ports[{}]", port.backend.key.port);
        let message = "no endpoint of this port serves";
        findings.push(notice::NO_ENDPOINTS.about(origin, field, message));
    }
    findings
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
