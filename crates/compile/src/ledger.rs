// SPDX-License-Identifier: Apache-2.0
//! Who may use which hostname (wall W3).  This and `lib.rs` are the only files that see more than one tenant, and the
//! ledger sees names and grants, never keys or routes.
//!
//! A name belongs to the tenant whose domain it is, else to whom the recorded claim says, else to whoever claims it
//! first, by the age of the declaring object.  The nearest reservation decides: a domain, or a wildcard that is held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use postern_model::{
    ClaimRecord, ClaimState, Finding, Grant, Host, HostPattern, HttpRoutes, KEPT_SECONDS,
    ObjectKey, TenancyMode, TenantId, Timestamp, World,
};

use crate::claimable::claimable;
use crate::explain::Ownership;
use crate::names::Names;
use crate::notice;
use crate::resolve::Lent;
use mentions::Mentions;
use quota::Quotas;
pub(crate) use verdict::Verdict;

mod mentions;
mod quota;
mod verdict;

/// The one place where tenants meet.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    mode: TenancyMode,
    /// Some names may be part of a domain that cannot be read: what nobody holds, nobody is given.
    withholds: bool,
    now: Timestamp,
    quarantine: i64,
    domains: Names<TenantId>,
    claims: Names<Claim>,
    /// Namespaces that have, or had, a grant, by the namespace that they name in it.
    lenders: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Claims that this compile made or changed.
    news: BTreeMap<HostPattern, ClaimRecord>,
    ended_quarantine: bool,
    /// Names that were given up when this ledger was opened.
    released: Vec<HostPattern>,
    /// Names that are in `tls` entries, and nobody's.
    mentions: Mentions,
    /// Objects that mention a name which this compile gave to somebody.
    concerned: BTreeSet<(TenantId, ObjectKey)>,
    quotas: Quotas,
    /// Names that are nobody's, and that a tenant which may claim no more has rules for.
    waiting: Mentions,
    /// Objects that wait for a name which this compile gave to somebody else.
    outrun: BTreeSet<(TenantId, ObjectKey)>,
}

/// What the ledger knows about one recorded name.
#[derive(Clone, Debug)]
struct Claim {
    namespace: Arc<str>,
    namespace_uid: Option<Arc<str>>,
    epoch: u64,
    standing: Standing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// In force for this tenant.
    Held(TenantId),
    /// Given up: until the quarantine ends only its last tenant, if that still exists, may have it.
    Released { last: Option<TenantId>, at: Timestamp },
    /// The operator made the name part of another tenant's domain.
    Overridden,
}

impl Ledger {
    /// Reads domains and recorded claims.  `last` is what the last compile knew: a claim that followed its namespace to
    /// another tenant since then gets a new epoch.
    pub(crate) fn open(world: &World, last: &Self) -> (Self, Vec<Finding>) {
        let settings = world.settings();
        let mut ledger = Self {
            mode: settings.tenancy,
            withholds: world.tenancy().is_unbounded(),
            now: world.now(),
            quarantine: settings.quarantine_seconds,
            quotas: Quotas::new(settings.max_hosts, world.tenancy()),
            ..Self::default()
        };
        if ledger.mode == TenancyMode::Off {
            return (ledger, Vec::new());
        }
        let findings = ledger.read_domains(world);
        for record in world.claims().values() {
            ledger.read_claim(world, record, last);
        }
        let namespaces = world.tenants().flat_map(|(_, tenant)| tenant.namespaces.values());
        for grant in namespaces.flat_map(|namespace| namespace.grants.values()) {
            ledger.lend(grant);
        }
        (ledger, findings)
    }

    /// Notes that a namespace has, or had, a grant for others: whether it is live and for what is the resolver's question.
    pub(crate) fn lend(&mut self, grant: &Grant) {
        for from in &grant.from {
            let lenders = self.lenders.entry(from.namespace.clone()).or_default();
            lenders.insert(grant.origin.key.namespace.clone());
        }
    }

    /// Identical domains: the older Tenant has it.
    fn read_domains(&mut self, world: &World) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut specs: Vec<_> = world.tenancy().specs().collect();
        specs.sort_by(|(_, a), (_, b)| a.origin.age().cmp(&b.origin.age()));
        for (tenant, spec) in specs {
            for (position, domain) in spec.domains.iter().enumerate() {
                match self.domains.get(domain) {
                    None => {
                        self.domains.insert(domain.clone(), tenant.clone());
                    }
                    Some(holder) if holder == tenant => {}
                    Some(_) => findings.push(notice::DOMAIN_TAKEN.about(
                        &spec.origin,
                        format!("spec.domains[{position}]"),
                        format!("the domain {domain} already belongs to an older Tenant"),
                    )),
                }
            }
        }
        findings
    }

    fn read_claim(&mut self, world: &World, record: &ClaimRecord, last: &Self) {
        // A namespace that was created anew under the old name inherits nothing, and one that is gone holds nothing.
        let is_bereft = world.is_bereft(record);
        let holder = world.tenancy().tenant_of(&record.namespace).filter(|_| !is_bereft);
        let mut claim = Claim {
            namespace: record.namespace.clone(),
            namespace_uid: record.namespace_uid.clone(),
            epoch: record.epoch,
            standing: Standing::Overridden,
        };
        let authority = self.domain_of(&record.pattern);
        let overridden = authority.is_some() && authority != holder.as_ref();
        claim.standing = match (record.state, holder) {
            (ClaimState::Released(at), last) => Standing::Released { last, at },
            _ if overridden && !is_bereft => Standing::Overridden,
            (ClaimState::Held, Some(tenant)) => {
                let moved = last.claims.get(&record.pattern).is_some_and(|before| {
                    matches!(&before.standing, Standing::Held(then) if *then != tenant)
                        && before.epoch >= claim.epoch
                });
                claim.epoch += u64::from(moved);
                if moved {
                    self.announce(&record.pattern, &claim, ClaimState::Held);
                }
                Standing::Held(tenant)
            }
            // Its namespace may be one of a Tenant that cannot be read: that is no reason to give the name up.
            (ClaimState::Held, None) if self.withholds && !is_bereft => {
                Standing::Released { last: None, at: self.now }
            }
            (ClaimState::Held, None) => {
                self.announce(&record.pattern, &claim, ClaimState::Released(self.now));
                Standing::Released { last: None, at: self.now }
            }
        };
        let is_dark = self.is_dark(&claim.standing);
        if is_dark {
            self.released.push(record.pattern.clone());
        }
        match &claim.standing {
            Standing::Held(tenant) => self.quotas.count(tenant),
            // Of a namespace that was made anew, too: otherwise making it again and again would make ever more claims.
            Standing::Released { .. } if is_dark && !overridden => {
                world
                    .tenancy()
                    .tenant_of(&record.namespace)
                    .iter()
                    .for_each(|tenant| self.quotas.count(tenant));
            }
            _ => {}
        }
        self.claims.insert(record.pattern.clone(), claim);
    }

    fn announce(&mut self, pattern: &HostPattern, claim: &Claim, state: ClaimState) {
        let record = ClaimRecord {
            pattern: pattern.clone(),
            namespace: claim.namespace.clone(),
            namespace_uid: claim.namespace_uid.clone(),
            epoch: claim.epoch,
            state,
        };
        self.news.insert(pattern.clone(), record);
    }

    /// Starts the next compile on the same claims.
    pub(crate) fn next(&mut self, now: Timestamp) {
        self.now = now;
        self.news.clear();
        self.ended_quarantine = false;
    }

    /// Lets every name that these objects use and may have be claimed, the oldest object first.
    pub(crate) fn settle(&mut self, world: &World, mut objects: Vec<(TenantId, Arc<HttpRoutes>)>) {
        if self.mode == TenancyMode::Off {
            return;
        }
        objects.sort_by(|(_, a), (_, b)| a.origin.age().cmp(&b.origin.age()));
        for (tenant, routes) in &objects {
            let namespace = &routes.origin.key.namespace;
            for pattern in used(routes) {
                let Verdict::Owned { epoch } = self.verdict(tenant, pattern) else { continue };
                if self.holder(pattern) == Some(tenant) || !self.make_room(tenant, pattern) {
                    continue;
                }
                let claim = Claim {
                    namespace: namespace.clone(),
                    namespace_uid: world.namespace_uid(namespace).cloned(),
                    epoch,
                    standing: Standing::Held(tenant.clone()),
                };
                // Above it, one may be told otherwise; below it, a name may no longer be dark.
                let is_near = |released: &HostPattern| {
                    released == pattern || released.reserves(pattern) || pattern.reserves(released)
                };
                self.ended_quarantine = self.ended_quarantine || self.released.iter().any(is_near);
                self.announce(pattern, &claim, ClaimState::Held);
                self.claims.insert(pattern.clone(), claim);
                self.concerned.extend(self.mentions.settled_by(pattern).cloned());
                self.outrun.extend(self.waiting.settled_by(pattern).cloned());
            }
        }
        let mut mentions = std::mem::take(&mut self.mentions);
        let mut waiting = std::mem::take(&mut self.waiting);
        for (tenant, routes) in &objects {
            mentions.add(tenant, routes, mentioned(routes).filter(|host| self.is_open(host)));
            if !self.quotas.have_room(tenant) {
                let waits = |host: &&HostPattern| {
                    matches!(self.verdict(tenant, host), Verdict::LimitReached { .. })
                };
                waiting.add(tenant, routes, used(routes).filter(waits));
            }
        }
        self.mentions = mentions;
        self.waiting = waiting;
    }

    /// Counts a claim that a tenant is about to make to a name that it may have.  Without room for it, a name in its own
    /// domain or below its own wildcard is the tenant's without a claim.
    fn make_room(&mut self, tenant: &TenantId, pattern: &HostPattern) -> bool {
        let is_taken_back = self.claims.get(pattern).is_some_and(|claim| {
            let Standing::Released { last, .. } = &claim.standing else { return false };
            last.as_ref() == Some(tenant) && self.is_dark(&claim.standing)
        });
        if !is_taken_back {
            if !self.quotas.have_room(tenant) {
                return false;
            }
            self.quotas.count(tenant);
        }
        true
    }

    /// Forgets what an object mentioned, as it was before it changed or went.
    pub(crate) fn forget(&mut self, tenant: &TenantId, routes: &HttpRoutes) {
        self.mentions.remove(tenant, routes, mentioned(routes));
        self.waiting.remove(tenant, routes, used(routes));
    }

    /// The objects about which there may be something else to say, since others claimed names that they mention.
    pub(crate) fn take_concerned(&mut self) -> BTreeSet<(TenantId, ObjectKey)> {
        std::mem::take(&mut self.concerned)
    }

    /// The objects whose rules wait for names that others have claimed now.
    pub(crate) fn take_outrun(&mut self) -> BTreeSet<(TenantId, ObjectKey)> {
        std::mem::take(&mut self.outrun)
    }

    /// Whether anybody could still claim a name, or a name below which it is.
    fn is_open(&self, pattern: &HostPattern) -> bool {
        let is_over = |claim: &Claim| match &claim.standing {
            Standing::Released { at, .. } => self.now >= self.ends(*at),
            Standing::Held(_) => false,
            Standing::Overridden => true,
        };
        self.domain_of(pattern).is_none()
            && claimable(pattern).is_ok()
            && self.claims_on(pattern).all(is_over)
    }

    /// Whether a tenant may use a name, and since when it is the tenant's.
    pub(crate) fn verdict(&self, tenant: &TenantId, pattern: &HostPattern) -> Verdict {
        if self.mode == TenancyMode::Off {
            return Verdict::Owned { epoch: 1 };
        }
        let owned = Verdict::Owned { epoch: self.epoch(tenant, pattern) };
        match self.domain_of(pattern) {
            Some(owner) if owner == tenant => return owned,
            Some(_) => return Verdict::NotOwned,
            None => {}
        }
        if let Err(reason) = claimable(pattern) {
            return Verdict::Unclaimable(reason);
        }
        let nearest = self.claims_on(pattern).find_map(|claim| self.reservation(claim, tenant));
        match nearest {
            Some(Verdict::Owned { .. }) => owned,
            Some(refused) => refused,
            None if self.withholds => Verdict::Withheld,
            None if self.quotas.have_room(tenant) => owned,
            None => Verdict::LimitReached { limit: self.quotas.limit(tenant).unwrap_or(0) },
        }
    }

    /// The claim to a name and those to wildcards above it, the most specific first.
    fn claims_on<'a>(&'a self, pattern: &HostPattern) -> impl Iterator<Item = &'a Claim> {
        let above = self.claims.above(pattern).map(|(_, claim)| claim);
        self.claims.get(pattern).into_iter().chain(above)
    }

    /// What a claim at or above a name says about the name; nothing if it reserves it for nobody.
    fn reservation(&self, claim: &Claim, tenant: &TenantId) -> Option<Verdict> {
        match &claim.standing {
            Standing::Held(holder) if holder == tenant => Some(Verdict::Owned { epoch: 0 }),
            Standing::Held(_) => Some(Verdict::NotOwned),
            Standing::Released { at, .. } if self.now >= self.ends(*at) => None,
            // The same tenant may take it back at once.
            Standing::Released { last: Some(last), .. } if last == tenant => {
                Some(Verdict::Owned { epoch: 0 })
            }
            Standing::Released { .. } => Some(Verdict::Quarantined),
            Standing::Overridden => None,
        }
    }

    /// Whether it was given up a short while ago.
    fn is_dark(&self, standing: &Standing) -> bool {
        matches!(standing, Standing::Released { at, .. } if self.now < self.ends(*at))
    }

    fn ends(&self, released: Timestamp) -> Timestamp {
        Timestamp(released.0.saturating_add(self.quarantine))
    }

    /// The epoch of a name in a tenant's hands: a name that was another's before starts a new one.
    fn epoch(&self, tenant: &TenantId, pattern: &HostPattern) -> u64 {
        let Some(claim) = self.claims.get(pattern) else { return 1 };
        match &claim.standing {
            Standing::Held(holder) if holder == tenant => claim.epoch,
            Standing::Released { last: Some(last), .. } if last == tenant => claim.epoch,
            _ => claim.epoch.saturating_add(1),
        }
    }

    /// The tenant whose domain a name is, by the most specific domain.
    fn domain_of(&self, pattern: &HostPattern) -> Option<&TenantId> {
        self.domains
            .get(pattern)
            .or_else(|| self.domains.above(pattern).next().map(|(_, tenant)| tenant))
    }

    /// Whose claim there is to a name.
    pub(crate) fn holder(&self, pattern: &HostPattern) -> Option<&TenantId> {
        match &self.claims.get(pattern)?.standing {
            Standing::Held(tenant) => Some(tenant),
            _ => None,
        }
    }

    /// Every name that is somebody's, whether or not anything is served there.
    pub(crate) fn owned(&self) -> impl Iterator<Item = (&TenantId, HostPattern, u64)> {
        let domains = self.domains.iter().map(|(pattern, tenant)| (tenant, pattern));
        let held = self.claims.iter().filter_map(|(pattern, claim)| match &claim.standing {
            Standing::Held(tenant) => Some((tenant, pattern)),
            _ => None,
        });
        domains.chain(held).map(|(tenant, pattern)| {
            let epoch = self.epoch(tenant, &pattern);
            (tenant, pattern, epoch)
        })
    }

    /// Names that were given up: nobody answers for them until the quarantine ends, not even with a wildcard above or
    /// the catch-all, except for a wildcard of their last tenant.
    pub(crate) fn dark(&self) -> impl Iterator<Item = HostPattern> {
        let released = self.claims.iter().filter(|(pattern, claim)| {
            let Standing::Released { last, at } = &claim.standing else { return false };
            let above = self.claims.above(pattern).find_map(|(_, claim)| match &claim.standing {
                Standing::Held(tenant) => Some(tenant),
                _ => None,
            });
            let is_back = above.is_some() && above == last.as_ref();
            self.now < self.ends(*at) && self.domain_of(pattern).is_none() && !is_back
        });
        released.map(|(pattern, _)| pattern)
    }

    /// The claims that this compile made or changed.
    pub(crate) fn take_news(&mut self) -> impl Iterator<Item = ClaimRecord> {
        std::mem::take(&mut self.news).into_values()
    }

    /// When a quarantine ends next, so that somebody who waits for a name may have it, or a claim has been given up for
    /// so long that the world forgets it.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        let ends = self.claims.iter().filter_map(|(_, claim)| match claim.standing {
            Standing::Released { at, .. } => Some(self.ends(at)),
            _ => None,
        });
        let forgets = |end: Timestamp| Timestamp(end.0.saturating_add(KEPT_SECONDS));
        ends.flat_map(|end| [end, forgets(end)]).filter(|end| *end > self.now).min()
    }

    /// Whether a claim was made in reach of a quarantine: then names and words of others may change.
    pub(crate) fn ended_quarantine(&self) -> bool {
        self.ended_quarantine
    }

    /// Whose a name is, and why.
    pub(crate) fn trace(&self, host: &Host) -> (Option<&TenantId>, Ownership) {
        let exact = HostPattern::Exact(host.clone());
        let own = self.domains.get(&exact).map(|tenant| (exact.clone(), tenant));
        let mut above = self.domains.above(&exact);
        let above = || above.next().map(|(p, tenant)| (HostPattern::Wildcard(p.clone()), tenant));
        if let Some((domain, tenant)) = own.or_else(above) {
            return (Some(tenant), Ownership::Domain { domain });
        }
        let own = self.claims.get(&exact).map(|claim| (exact.clone(), claim));
        let above = self.claims.above(&exact);
        let above = above.map(|(p, claim)| (HostPattern::Wildcard(p.clone()), claim));
        for (pattern, claim) in own.into_iter().chain(above) {
            let (namespace, epoch) = (claim.namespace.clone(), claim.epoch);
            match &claim.standing {
                Standing::Held(tenant) => {
                    return (Some(tenant), Ownership::Claim { pattern, namespace, epoch });
                }
                Standing::Released { at, .. } if self.now < self.ends(*at) => {
                    return (None, Ownership::Quarantined { pattern, until: self.ends(*at) });
                }
                _ => {}
            }
        }
        (None, Ownership::Nobody)
    }

    /// What was lent to a tenant: the namespaces that have a grant for one of its own.
    pub(crate) fn lent<'a>(&self, world: &'a World, tenant: &TenantId) -> Lent<'a> {
        let mut lent = Lent::new();
        let Some(model) = world.tenant(tenant).filter(|_| !self.lenders.is_empty()) else {
            return lent;
        };
        let lenders = model.namespaces.keys().filter_map(|own| self.lenders.get(own)).flatten();
        for lender in lenders {
            let owner = world.tenancy().tenant_of(lender).and_then(|owner| world.tenant(&owner));
            let opened = owner.and_then(|owner| owner.namespaces.get_key_value(lender));
            if let Some((name, namespace)) = opened {
                lent.insert(name, namespace);
            }
        }
        lent
    }
}

/// The names that an object has rules for.
fn used(routes: &HttpRoutes) -> impl Iterator<Item = &HostPattern> {
    routes.rules.iter().filter_map(|rule| rule.host.as_ref())
}

/// The names in an object's `tls` entries.
fn mentioned(routes: &HttpRoutes) -> impl Iterator<Item = &HostPattern> {
    routes.certificates.iter().flat_map(|declared| &declared.hosts)
}

#[cfg(test)]
mod tests;
