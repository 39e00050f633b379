// SPDX-License-Identifier: Apache-2.0
//! Which certificate a host serves: chosen among those that the host's own tenant declares, and nobody else's.
//!
//! A host whose own certificate is unusable refuses the handshake; it never falls back to another (I9).  A name in a
//! certificate never creates ownership.

use std::cmp::Reverse;
use std::sync::{Arc, Weak};

use postern_model::{
    CertificateUse, HostPattern, HttpRoutes, ObjectKey, Ref, Secret, SecretBytes, SmallMap,
    Timestamp,
};
use postern_snapshot::{
    Certificate, CertificateError, TenantScope, TlsDecision, TlsDemands, TlsProfile, TlsRefusal,
};

use crate::few::Few;
use crate::names::Names;
use crate::resolve::{Referrer, TenantView, Unresolved};

/// A Secret as one namespace refers to it: permission may differ between namespaces of one tenant.  It stands in several
/// tables, so it is shared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SecretUse(Arc<Reference>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Reference {
    from: Arc<str>,
    secret: Arc<str>,
    /// Where the Secret is, if not where it is referred to.
    elsewhere: Option<Arc<str>>,
}

impl SecretUse {
    pub(crate) fn new(from: &ObjectKey, secret: &Ref<Secret>) -> Self {
        let key = secret.key();
        let elsewhere = (key.namespace != from.namespace).then_some(key.namespace);
        Self(Arc::new(Reference { from: from.namespace.clone(), secret: key.name, elsewhere }))
    }

    /// The Secret that is meant.
    pub(crate) fn target(&self) -> Ref<Secret> {
        let Reference { from, secret, elsewhere } = &*self.0;
        Ref::new(elsewhere.as_ref().unwrap_or(from).clone(), secret.clone())
    }
}

/// What came of a Secret.
#[derive(Clone, Debug)]
pub(crate) enum Loaded {
    Ready {
        source: Source,
        certificate: Arc<Certificate>,
    },
    Invalid {
        source: Source,
        reason: CertificateError,
    },
    /// A key of the Secret is missing.
    Incomplete(&'static str),
    Unresolved(Unresolved),
}

/// What a certificate was parsed from: the same bytes need not be parsed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    chain: SecretBytes,
    key: SecretBytes,
}

impl PartialEq for Loaded {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ready { source: a, .. }, Self::Ready { source: b, .. })
            | (Self::Invalid { source: a, .. }, Self::Invalid { source: b, .. }) => a == b,
            (Self::Incomplete(a), Self::Incomplete(b)) => a == b,
            (Self::Unresolved(a), Self::Unresolved(b)) => a == b,
            _ => false,
        }
    }
}

impl Loaded {
    fn certificate(&self) -> Option<&Arc<Certificate>> {
        if let Self::Ready { certificate, .. } = self { Some(certificate) } else { None }
    }
}

#[derive(Debug)]
struct Held {
    users: Few<ObjectKey>,
    loaded: Loaded,
}

/// All certificates of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    secrets: SmallMap<SecretUse, Box<Held>>,
    /// Secrets by the hosts that `tls` entries name.
    named: Names<Few<SecretUse>>,
    /// Secrets of `tls` entries that name no host, by their object: they are for the hosts of its rules.
    unnamed: SmallMap<ObjectKey, Few<SecretUse>>,
    /// Usable certificates by the names in them.
    pool: Names<Few<SecretUse>>,
    profiles: SmallMap<ProfileKey, Weak<TlsProfile>>,
    /// What the last compile parsed.
    parsed: SmallMap<SecretUse, Loaded>,
    /// Uses of Secrets in other namespaces than the user's own.
    elsewhere: Few<SecretUse>,
    /// How many profiles lived when that was last counted.
    swept: usize,
    /// The moments at which certificates begin or cease to be valid, and for how many.
    turns: SmallMap<Timestamp, u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ProfileKey {
    certificate: usize,
    epoch: u64,
    demands: TlsDemands,
}

/// What a host needs to be given a decision.
pub(crate) struct HostTls<'a> {
    pub(crate) pattern: &'a HostPattern,
    pub(crate) epoch: u64,
    /// The objects that have a rule with this host.
    pub(crate) objects: &'a Few<ObjectKey>,
}

/// One candidate, and how it fared.
#[derive(Clone, Debug)]
struct Candidate<'a> {
    secret: Ref<Secret>,
    loaded: &'a Loaded,
    covers: bool,
}

impl Certificates {
    /// Starts over, but remembers what was parsed and which profiles live.
    pub(crate) fn renew(self) -> Self {
        let parsed = self.secrets.into_iter().map(|(secret, entry)| (secret, entry.loaded));
        Self {
            parsed: parsed.collect(),
            profiles: self.profiles,
            swept: self.swept,
            ..Self::default()
        }
    }

    /// Forgets what this compile did not ask for again, and now and then the profiles that no snapshot has any more.
    pub(crate) fn finish(&mut self) {
        if !self.parsed.is_empty() {
            self.parsed = SmallMap::default();
        }
        if self.profiles.len() > 2 * self.swept + 64 {
            self.profiles.retain(|_, profile| profile.strong_count() > 0);
            self.swept = self.profiles.len();
        }
    }

    /// When a certificate begins or ceases to be valid next.
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.turns.first_after(&now).copied()
    }

    /// Adds an object's uses; tells the names for which that can change the choice.
    pub(crate) fn add(
        &mut self,
        view: &TenantView<'_>,
        routes: &HttpRoutes,
        touch: &mut impl FnMut(&HostPattern),
    ) {
        let object = &routes.origin.key;
        for (declared, secret) in uses(routes) {
            let known = self.secrets.get_key_value(&secret).map(|(known, _)| known.clone());
            let secret = known.unwrap_or(secret);
            for host in &declared.hosts {
                insert(&mut self.named, host, &secret, touch);
            }
            if declared.hosts.is_empty() {
                self.unnamed.or_default(object.clone()).insert(secret.clone());
            }
            if let Some(entry) = self.secrets.get_mut(&secret) {
                entry.users.insert(object.clone());
                continue;
            }
            let loaded = load(view, &secret, self.parsed.remove(&secret));
            self.pool_add(&secret, &loaded, touch);
            if secret.0.elsewhere.is_some() {
                self.elsewhere.insert(secret.clone());
            }
            let users = Few::One(object.clone(), 1);
            self.secrets.insert(secret, Box::new(Held { users, loaded }));
        }
    }

    /// Takes an object's uses out; tells the names for which that can change the choice.
    pub(crate) fn remove(&mut self, routes: &HttpRoutes, touch: &mut impl FnMut(&HostPattern)) {
        let object = &routes.origin.key;
        self.unnamed.remove(object);
        for (declared, secret) in uses(routes) {
            for host in &declared.hosts {
                remove(&mut self.named, host, &secret, touch);
            }
            let Some(entry) = self.secrets.get_mut(&secret) else { continue };
            entry.users.remove(object);
            if entry.users.is_empty()
                && let Some(entry) = self.secrets.remove(&secret)
            {
                self.pool_remove(&secret, &entry.loaded, touch);
                self.elsewhere.remove(&secret);
                // The object may come back within this compile, changed in another field.
                self.parsed.insert(secret, entry.loaded);
            }
        }
    }

    /// Reads a Secret again that has changed; tells the objects that use it and the names in it, before and after: for
    /// other names the choice cannot change.
    pub(crate) fn reload(
        &mut self,
        view: &TenantView<'_>,
        secret: &SecretUse,
        touch: &mut impl FnMut(&HostPattern),
    ) -> Vec<ObjectKey> {
        let Some(entry) = self.secrets.get_mut(secret) else { return Vec::new() };
        let loaded = load(view, secret, Some(entry.loaded.clone()));
        if loaded == entry.loaded {
            return Vec::new();
        }
        let before = std::mem::replace(&mut entry.loaded, loaded.clone());
        let users = entry.users.iter().cloned().collect();
        self.pool_remove(secret, &before, touch);
        self.pool_add(secret, &loaded, touch);
        users
    }

    /// The uses of a Secret: by its own namespace, and by others.
    pub(crate) fn uses_of(&self, key: &ObjectKey) -> Vec<SecretUse> {
        let own = SecretUse::new(key, &Ref::new(key.namespace.clone(), key.name.clone()));
        let elsewhere = self.elsewhere.iter().filter(|secret| secret.target().key() == *key);
        elsewhere.cloned().chain([own]).collect()
    }

    /// Whether any Secret of another namespace is used.
    pub(crate) fn borrows(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// The uses that a grant may permit or forbid.
    pub(crate) fn uses_elsewhere(&self) -> Vec<SecretUse> {
        self.elsewhere.iter().cloned().collect()
    }

    fn pool_add(
        &mut self,
        secret: &SecretUse,
        loaded: &Loaded,
        touch: &mut impl FnMut(&HostPattern),
    ) {
        let Some(certificate) = loaded.certificate() else { return };
        for name in certificate.names() {
            insert(&mut self.pool, name, secret, touch);
        }
        for turn in turns(certificate) {
            *self.turns.or_default(turn) += 1;
        }
    }

    fn pool_remove(
        &mut self,
        secret: &SecretUse,
        loaded: &Loaded,
        touch: &mut impl FnMut(&HostPattern),
    ) {
        let Some(certificate) = loaded.certificate() else { return };
        for name in certificate.names() {
            remove(&mut self.pool, name, secret, touch);
        }
        for turn in turns(certificate) {
            let count = self.turns.or_default(turn);
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.turns.remove(&turn);
            }
        }
    }

    /// What became of a Secret that an object uses.
    pub(crate) fn loaded(&self, secret: &SecretUse) -> Option<&Loaded> {
        self.secrets.get(secret).map(|entry| &entry.loaded)
    }

    /// The usable certificates among those that objects declare for the host itself, if any does: in a `tls` entry that
    /// names it; where there is none, in one that names its wildcard, or in one without hosts of an object with rules for
    /// it.  What names the host stands alone: if it is unusable, nothing that is less meant for the host replaces it.
    fn explicit(&self, host: &HostTls<'_>) -> Option<Vec<Candidate<'_>>> {
        let declared: Vec<_> = match self.named.get(host.pattern) {
            Some(own) => vec![own],
            None => {
                let unnamed = host.objects.iter().filter_map(|object| self.unnamed.get(object));
                covering(&self.named, host.pattern).chain(unnamed).collect()
            }
        };
        if declared.is_empty() {
            return None;
        }
        let usable = covering(&self.pool, host.pattern).flat_map(Few::iter);
        let own = usable.filter(|secret| declared.iter().any(|few| few.contains(secret)));
        Some(own.filter_map(|secret| self.candidate(secret, host.pattern)).collect())
    }

    /// All certificates of the tenant that are for the host.
    fn pooled<'a>(&'a self, pattern: &HostPattern) -> Vec<Candidate<'a>> {
        let secrets = covering(&self.pool, pattern).flat_map(Few::iter);
        secrets.filter_map(|secret| self.candidate(secret, pattern)).collect()
    }

    fn candidate(&self, secret: &SecretUse, pattern: &HostPattern) -> Option<Candidate<'_>> {
        let loaded = self.loaded(secret)?;
        let covers = loaded.certificate().is_some_and(|c| c.covers(pattern));
        Some(Candidate { secret: secret.target(), loaded, covers })
    }

    /// How a host answers a ClientHello; without demands, because nobody could meet them, with a refusal.
    pub(crate) fn decide(
        &mut self,
        host: &HostTls<'_>,
        scope: &TenantScope,
        demands: Option<TlsDemands>,
        now: Timestamp,
    ) -> TlsDecision {
        let Some(demands) = demands else {
            return TlsDecision::Refuse(TlsRefusal::NoKeyExchange);
        };
        let explicit = self.explicit(host);
        let is_explicit = explicit.is_some();
        let candidates = explicit.unwrap_or_else(|| self.pooled(host.pattern));
        let Some(best) = best(&candidates, host.pattern, now).cloned() else {
            return TlsDecision::Refuse(if is_explicit {
                TlsRefusal::CertificateUnusable
            } else {
                TlsRefusal::NoCertificate
            });
        };
        let key = ProfileKey { certificate: Arc::as_ptr(&best).addr(), epoch: host.epoch, demands };
        // A profile that lives keeps its certificate alive, so the address is still this certificate's.
        if let Some(profile) = self.profiles.get(&key).and_then(Weak::upgrade) {
            return TlsDecision::Serve(profile);
        }
        let profile = Arc::new(TlsProfile::new(scope.clone(), host.epoch, best, demands));
        self.profiles.insert(key, Arc::downgrade(&profile));
        TlsDecision::Serve(profile)
    }
}

/// The certificate to serve: exact name before wildcard, unexpired before expired, newest, then by the Secret's name.
fn best<'a>(
    candidates: &[Candidate<'a>],
    pattern: &HostPattern,
    now: Timestamp,
) -> Option<&'a Arc<Certificate>> {
    let usable = candidates.iter().filter(|candidate| candidate.covers).filter_map(|candidate| {
        candidate.loaded.certificate().map(|certificate| (candidate.secret.key(), certificate))
    });
    let best = usable.min_by_key(|(secret, certificate)| {
        let exact = match pattern {
            HostPattern::Exact(host) => certificate.names_exactly(host),
            HostPattern::Wildcard(_) => true,
        };
        (!exact, !is_valid(certificate, now), Reverse(certificate.not_before()), secret.clone())
    });
    best.map(|(_, certificate)| certificate)
}

/// Whether a certificate is valid at that time.
pub(crate) fn is_valid(certificate: &Certificate, now: Timestamp) -> bool {
    certificate.not_before() <= now && now <= certificate.not_after()
}

/// The first second in which a certificate is valid, and the first in which it is no longer.
fn turns(certificate: &Certificate) -> [Timestamp; 2] {
    [certificate.not_before(), Timestamp(certificate.not_after().0.saturating_add(1))]
}

/// The certificates that an object declares, with the Secrets that they stand for.
pub(crate) fn uses(routes: &HttpRoutes) -> impl Iterator<Item = (&CertificateUse, SecretUse)> {
    let object = &routes.origin.key;
    routes.certificates.iter().map(|declared| (declared, SecretUse::new(object, &declared.secret)))
}

fn load(view: &TenantView<'_>, secret: &SecretUse, before: Option<Loaded>) -> Loaded {
    let from = Referrer { kind: postern_model::Kind::Ingress, namespace: &secret.0.from };
    let found = match view.resolve(from, &secret.target()) {
        Ok(found) => found,
        Err(reason) => return Loaded::Unresolved(reason),
    };
    let Some(chain) = found.data.get("tls.crt") else { return Loaded::Incomplete("tls.crt") };
    let Some(key) = found.data.get("tls.key") else { return Loaded::Incomplete("tls.key") };
    let source = Source { chain: chain.clone(), key: key.clone() };
    match before {
        Some(Loaded::Ready { source: same, certificate }) if same == source => {
            return Loaded::Ready { source, certificate };
        }
        Some(Loaded::Invalid { source: same, reason }) if same == source => {
            return Loaded::Invalid { source, reason };
        }
        _ => {}
    }
    match Certificate::parse(chain.clone(), key.clone()) {
        Ok(certificate) => Loaded::Ready { source, certificate: Arc::new(certificate) },
        Err(reason) => Loaded::Invalid { source, reason },
    }
}

fn insert(
    names: &mut Names<Few<SecretUse>>,
    name: &HostPattern,
    secret: &SecretUse,
    touch: &mut impl FnMut(&HostPattern),
) {
    let new = match names.get_mut(name) {
        Some(few) => few.insert(secret.clone()),
        None => names.insert(name.clone(), Few::One(secret.clone(), 1)).is_none(),
    };
    if new {
        touch(name);
    }
}

fn remove(
    names: &mut Names<Few<SecretUse>>,
    name: &HostPattern,
    secret: &SecretUse,
    touch: &mut impl FnMut(&HostPattern),
) {
    let Some(few) = names.get_mut(name) else { return };
    if few.remove(secret) {
        touch(name);
    }
    if few.is_empty() {
        names.remove(name);
    }
}

/// What is filed under a host and under the wildcard that covers it.
fn covering<'a, T>(names: &'a Names<T>, pattern: &HostPattern) -> impl Iterator<Item = &'a T> {
    let parent = match pattern {
        HostPattern::Exact(host) => host.parent().and_then(|parent| names.wildcard(parent)),
        HostPattern::Wildcard(_) => None,
    };
    names.get(pattern).into_iter().chain(parent)
}

pub(crate) mod story;
#[cfg(test)]
mod tests;
