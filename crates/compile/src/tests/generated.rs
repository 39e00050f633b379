// SPDX-License-Identifier: Apache-2.0
//! Generated worlds: few names, so that everything collides with everything.

use std::sync::Arc;

use postern_model::{
    ClaimRecord, ClaimState, ClassSelection, Endpoint, EntryPointSelection, Host, HostClaim,
    HostPattern, Kind, Namespace, Object, ObjectKey, Origin, PortName, Reason, Report, ServiceKind,
    Settings, TenancyMode, TenantSpec, Timestamp, TlsUse, World,
};
use postern_snapshot::Snapshot;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::scenario::{
    Declared, VALID, Validity, host, ingress, origin, secret, secret_of, service, slice, with_tls,
    world_with,
};

const HOSTS: [&str; 9] = [
    "x.test",
    "*.x.test",
    "a.x.test",
    "*.a.x.test",
    "b.a.x.test",
    "y.test",
    "test",
    "",
    "d.z.test",
];
const NAMESPACES: [&str; 3] = ["a", "b", "c"];

/// One step of a world's history.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Declare(Object),
    Withdraw(ObjectKey),
    /// That many days pass.
    Wait(i64),
    /// The claim to a host, if there is one, is given up.
    Release(HostPattern),
}

impl Step {
    pub(super) fn take(&self, world: &mut World) {
        match self {
            Self::Declare(object) => world.declare(object.clone()),
            Self::Withdraw(key) => world.withdraw(key),
            Self::Wait(days) => world.tell_time(Timestamp(world.now().0 + days * 86_400)),
            Self::Release(pattern) => release(world, pattern),
        }
    }
}

/// What the operator does to give a name free: the HostClaim's status says so.
pub(crate) fn release(world: &mut World, pattern: &HostPattern) {
    let Some(record) = world.claims().get(pattern) else { return };
    if record.state == ClaimState::Held {
        let state = ClaimState::Released(world.now());
        let record = ClaimRecord { state, ..record.clone() };
        let origin = Origin::bare(ObjectKey::new(Kind::HostClaim, "", pattern.to_string()));
        world.declare(Object::HostClaim(Arc::new(HostClaim { origin, record, revision: None })));
    }
}

fn namespaced(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    (select(&NAMESPACES[..]), select(names)).prop_map(|(space, name)| format!("{space}/{name}"))
}

fn routes() -> impl Strategy<Value = Object> {
    let rule = (select(&HOSTS[..]), select(&["/", "/p"][..]), select(&["web", "api"][..]));
    let tls = (select(&["s1", "s2"][..]), vec(select(&HOSTS[..7]), 0..2));
    let class = prop_oneof![
        6 => Just(ClassSelection::Unset),
        1 => Just(ClassSelection::Annotated("nginx".into())),
        1 => Just(ClassSelection::Named("gone".into())),
    ];
    let twists = vec(0_u8..12, 3);
    let parts = (namespaced(&["i1", "i2"]), 0_i64..6, vec(rule, 0..4), vec(tls, 0..3));
    (parts, class, twists).prop_map(|((name, age, rules, tls), class, twists)| {
        let rules: Vec<_> = rules.iter().map(|(h, path, to)| format!("{h}{path} {to}")).collect();
        let rules: Vec<_> = rules.iter().map(String::as_str).collect();
        let mut routes = ingress(&name, age, &rules);
        for (secret, hosts) in tls {
            routes = with_tls(routes, secret, &hosts);
        }
        for (rule, twist) in routes.rules.iter_mut().zip(twists) {
            match twist {
                0 => rule.tls = TlsUse::Only,
                1 => rule.closed_by = vec!["middlewares".into()],
                2 => rule.entry_points = EntryPointSelection::Named(vec!["gone".into()]),
                3 => rule.priority = Some(7),
                4 => rule.is_default = true,
                5 => rule.backend = None,
                6 => {
                    if let Some(backend) = &mut rule.backend {
                        backend.port = PortName::Number(81);
                    }
                }
                _ => {}
            }
        }
        routes.class = class;
        routes.object()
    })
}

fn secrets() -> impl Strategy<Value = Object> {
    let names: [&'static [&'static str]; 5] = [
        &["x.test"],
        &["*.x.test"],
        &["x.test", "*.x.test", "y.test"],
        &["*.a.x.test"],
        &["y.test"],
    ];
    let validity = select(vec![VALID, Validity(-20, 80), Validity(-90, -1), Validity(-10, 3)]);
    let good = (namespaced(&["s1", "s2"]), select(names.to_vec()), validity)
        .prop_map(|(name, names, validity)| secret(&name, names, validity).object());
    let bad = namespaced(&["s1", "s2"]).prop_map(|name| secret_of(&name, "x", "y").object());
    prop_oneof![4 => good, 1 => bad]
}

fn services() -> impl Strategy<Value = Object> {
    (namespaced(&["web", "api"]), 0_u8..8).prop_map(|(name, twist)| {
        let mut service = service(&name);
        match twist {
            0 => service.kind = ServiceKind::ExternalName("x".into()),
            1 => service.ports[0].port = 81,
            2 => service.ports[0].name = "named".into(),
            3 => service.pass_host_header = false,
            _ => {}
        }
        service.object()
    })
}

fn slices() -> impl Strategy<Value = Object> {
    let addresses = vec(select(&["10.0.0.1", "10.0.0.2", "127.0.0.1"][..]), 0..3);
    (namespaced(&["web", "api"]), addresses, any::<bool>()).prop_map(|(name, addresses, ready)| {
        let mut slice = slice(&name, &addresses);
        if let Some(Endpoint { ready: first, .. }) = slice.endpoints.first_mut() {
            *first = ready;
        }
        slice.object()
    })
}

pub(super) fn object() -> impl Strategy<Value = Object> {
    prop_oneof![5 => routes(), 2 => secrets(), 1 => services(), 2 => slices()]
}

fn namespace() -> impl Strategy<Value = Object> {
    (select(&NAMESPACES[..]), select(&["u1", "u2"][..])).prop_map(|(name, uid)| {
        let origin = Origin { uid: Some(uid.into()), ..origin(Kind::Namespace, name, 0) };
        Namespace { origin, labels: Default::default() }.object()
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let release = select(&HOSTS[..6]).prop_map(|text| Step::Release(host(text)));
    prop_oneof![
        24 => object().prop_map(Step::Declare),
        6 => object().prop_map(|object| Step::Withdraw(object.key().clone())),
        1 => (0_i64..3).prop_map(Step::Wait),
        2 => release,
        1 => namespace().prop_map(Step::Declare),
        1 => namespace().prop_map(|object| Step::Withdraw(object.key().clone())),
    ]
}

/// Settings and Tenant objects.
pub(super) fn start() -> impl Strategy<Value = (Settings, Vec<TenantSpec>)> {
    let mode = select(vec![TenancyMode::Namespace, TenancyMode::Namespace, TenancyMode::Off]);
    let max_hosts = select(vec![None, None, Some(0), Some(1), Some(2)]);
    let limit = select(vec![None, Some(3)]);
    let spec = (
        any::<bool>(),
        select(&["*.x.test", "y.test"][..]),
        any::<bool>(),
        (limit, max_hosts.clone()),
    );
    let settings = (mode, any::<bool>(), max_hosts);
    (settings, vec(spec, 0..2)).prop_map(|(settings, specs)| {
        let (tenancy, allow_empty_services, max_hosts) = settings;
        let settings = Settings { tenancy, allow_empty_services, max_hosts, ..Settings::default() };
        let specs = specs.into_iter().map(|(both, domain, allow_catch_all, limits)| TenantSpec {
            standing: Default::default(),
            namespaces: if both { ["b", "c"].map(Arc::from).into() } else { ["c".into()].into() },
            namespace_labels: Default::default(),
            domains: vec![host(domain)],
            entry_points: Vec::new(),
            allow_catch_all,
            require_tls13: false,
            max_routes: limits.0,
            max_hosts: limits.1,
            max_requests_in_flight: limits.0,
            max_connections: limits.1,
            ..TenantSpec::unread(origin(Kind::Tenant, "t", 0))
        });
        (settings, specs.collect())
    })
}

pub(super) fn begin((settings, specs): (Settings, Vec<TenantSpec>)) -> World {
    let mut world = world_with(settings);
    specs.into_iter().for_each(|spec| world.declare(spec.object()));
    world.know_namespaces(1);
    world
}

/// All that can be seen of a result: what is rendered, who answers for names, and what is said.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) render: Value,
    pub(super) doors: Vec<(Host, Option<(String, u64)>)>,
    pub(super) report: Report,
}

impl Seen {
    pub(super) fn of(world: &World, snapshot: &Snapshot, report: &Report) -> Self {
        let names =
            ["x.test", "a.x.test", "q.x.test", "b.a.x.test", "y.test", "nobody.test", "test"];
        let doors = names.map(|name| {
            let name = Host::parse(name).unwrap();
            let admission = snapshot.admit(&name);
            (name, admission.map(|a| (a.scope().label().to_string(), a.epoch())))
        });
        Self {
            render: snapshot.render(&world.settings().entry_points),
            doors: doors.into(),
            report: report.clone(),
        }
    }

    /// What one tenant sees, whose namespace is called as itself.
    pub(super) fn only(mut self, tenant: &str) -> Self {
        let hosts = self.render["hosts"].as_array_mut().unwrap();
        hosts.retain(|entry| entry["tenant"] == tenant);
        self.doors.iter_mut().for_each(|(_, door)| {
            door.take_if(|(owner, _)| owner != tenant);
        });
        self.report.findings.retain(|key, findings| {
            // Who mentions a name without using it, or may claim no more names, has no claim to it, and is told when
            // others have.
            let others = [Reason::HostNotOwned, Reason::HostQuarantined, Reason::ClaimLimitReached];
            findings.retain(|finding| {
                !finding.field.contains(".hosts[") && !others.contains(&finding.reason)
            });
            &*key.namespace == tenant && !findings.is_empty()
        });
        self.report.unserved.retain(|key, _| &*key.namespace == tenant);
        self.report.claims.retain(|claim| &*claim.namespace == tenant);
        self
    }
}
