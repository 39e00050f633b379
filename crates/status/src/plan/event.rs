// SPDX-License-Identifier: Apache-2.0
//! Events: what authors see with `kubectl describe` and `kubectl get events`.
//!
//! An Event is called after what it says, so that saying it again, after a restart too, adds to the one that is there.
//! What stays true is repeated every half hour, before the API server forgets it.  All words come from findings, which
//! are neutral: they name no other tenant's things (I19).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use postern_model::{Finding, Kind, ObjectKey, Origin};
use serde_json::json;
use tokio::time::Instant;

use super::claim::hexadecimal;
use super::condition::shortened;
use crate::queue::Quota;
use crate::task::{Target, Task, Write};

/// Who says it.
const CONTROLLER: &str = "postern.dev/ingress-controller";
/// The longest note of an Event.
const LONGEST_NOTE: usize = 1024;
/// The longest name of an object, without what an Event's name adds.
const LONGEST_NAME: usize = 253 - 17;
/// Where Events about cluster-scoped objects are: the API server allows `default` and this, and no tenant reads this.
const OPERATORS: &str = "kube-system";
/// After how long what is still true is said again; the API server keeps Events for an hour.
const REPEAT: Duration = Duration::from_secs(30 * 60);
/// What comes and goes is said again at most that often.
const FLAPPING: Duration = Duration::from_secs(60);
/// For how long what is no longer true is remembered.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// The most Events that are remembered; what is beyond is said late.
const MOST: usize = 50_000;

/// Something to say about an object.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) origin: Origin,
    pub(crate) tenant: Arc<str>,
    pub(crate) is_warning: bool,
    pub(crate) reason: String,
    pub(crate) field: Arc<str>,
    pub(crate) note: String,
    /// Whether it is a state that lasts, and not something that has happened.
    pub(crate) lasts: bool,
}

impl Notice {
    /// A finding.
    pub(crate) fn of(finding: &Finding, tenant: Arc<str>) -> Self {
        Self {
            origin: finding.origin.clone(),
            tenant,
            is_warning: true,
            reason: finding.reason.to_string(),
            field: finding.field.clone(),
            note: note(finding),
            lasts: true,
        }
    }

    /// The namespace and the name of the Event.
    pub(crate) fn target(&self) -> (Arc<str>, String) {
        (self.namespace(), self.name())
    }

    fn name(&self) -> String {
        let Self { origin, reason, field, note, .. } = self;
        let uid = origin.uid.as_deref().unwrap_or_default();
        // No part of an identity may run into the next: each has its length in front.
        let parts = [uid, &origin.key.kind.to_string(), reason, field, note];
        let identity: String = parts.map(|part| format!("{}:{part}", part.len())).concat();
        let digest = hexadecimal(&identity);
        let name = origin.key.name.get(..LONGEST_NAME).unwrap_or(&origin.key.name);
        format!("{}.{}", name.trim_end_matches(['.', '-']), &digest[..16])
    }

    fn namespace(&self) -> Arc<str> {
        let namespace = &self.origin.key.namespace;
        if namespace.is_empty() { OPERATORS.into() } else { namespace.clone() }
    }
}

/// A finding as a sentence.
pub(crate) fn note(finding: &Finding) -> String {
    let Finding { field, message, remedy, .. } = finding;
    let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
    shortened(format!("{field}{message}; {remedy}"), LONGEST_NOTE)
}

/// The API version of a kind; nothing if it is no object of a cluster.
fn api_version(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Namespace | Kind::Secret | Kind::Service => Some("v1"),
        Kind::EndpointSlice => Some("discovery.k8s.io/v1"),
        Kind::Ingress | Kind::IngressClass => Some("networking.k8s.io/v1"),
        Kind::ReferenceGrant => Some("gateway.networking.k8s.io/v1beta1"),
        Kind::Tenant | Kind::HostClaim => Some("postern.dev/v1alpha1"),
        Kind::File => None,
    }
}

/// What was said, and when.
#[derive(Debug)]
pub(crate) struct Said {
    identity: String,
    events: HashMap<(Arc<str>, String), Saying>,
}

#[derive(Debug)]
struct Saying {
    times: u32,
    last: Instant,
    /// The round in which it was last true.
    round: u64,
    /// Whether it had ceased to be true since it was said.
    ceased: bool,
}

impl Said {
    /// Nothing; `identity` is this replica's name.
    pub(crate) fn new(identity: &str) -> Self {
        Self { identity: shortened(identity.to_owned(), 128), events: HashMap::new() }
    }

    /// What is to be said in this round, of all that is true.
    pub(crate) fn plan(
        &mut self,
        notices: impl IntoIterator<Item = Notice>,
        round: u64,
        (now, quota): (Instant, &mut Quota),
    ) -> Vec<Task> {
        let tasks =
            notices.into_iter().filter_map(|notice| self.consider(&notice, round, (now, quota)));
        let tasks: Vec<_> = tasks.collect();
        for saying in self.events.values_mut() {
            saying.ceased |= saying.round != round;
        }
        self.events.retain(|_, s| !s.ceased || now.duration_since(s.last) < MEMORY);
        tasks
    }

    /// Whether a notice is to be said in this round: how.
    pub(crate) fn consider(
        &mut self,
        notice: &Notice,
        round: u64,
        (now, quota): (Instant, &mut Quota),
    ) -> Option<Task> {
        let Origin { key, .. } = &notice.origin;
        let version = api_version(key.kind)?;
        let target = notice.target();
        let room = self.events.len() < MOST;
        let times = match self.events.get_mut(&target) {
            None if !room => return None,
            None => 0,
            Some(saying) => {
                saying.round = round;
                let pause = if saying.ceased { FLAPPING } else { REPEAT };
                let is_due = now.duration_since(saying.last) >= pause;
                if !is_due || !(saying.ceased || notice.lasts) {
                    return None;
                }
                saying.times
            }
        };
        if !quota.takes(&notice.tenant) {
            return None;
        }
        let (namespace, name) = target;
        let event = self.event(notice, version, (&namespace, &name));
        let again = json!({"series": EventSeries {
            count: i32::try_from(times.max(1) + 1).unwrap_or(i32::MAX),
            last_observed_time: MicroTime(jiff::Timestamp::now()),
        }});
        let write = if times == 0 {
            Write::NewEvent(Box::new(event), again)
        } else {
            Write::RepeatEvent(Box::new(event), again)
        };
        Some(Task { target: Target::Event(namespace, name), tenant: notice.tenant.clone(), write })
    }

    /// It was said.
    pub(crate) fn said(&mut self, namespace: Arc<str>, name: String, round: u64, now: Instant) {
        let fresh = Saying { times: 0, last: now, round, ceased: false };
        let saying = self.events.entry((namespace, name)).or_insert(fresh);
        *saying = Saying { times: saying.times.saturating_add(1), last: now, round, ceased: false };
    }

    fn event(&self, notice: &Notice, version: &str, (namespace, name): (&str, &str)) -> Event {
        let Origin { key, uid, .. } = &notice.origin;
        let kind = if notice.is_warning { "Warning" } else { "Normal" };
        Event {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(jiff::Timestamp::now())),
            action: Some(if notice.is_warning { "Refuse" } else { "Serve" }.to_owned()),
            reason: Some(notice.reason.clone()),
            type_: Some(kind.to_owned()),
            note: Some(notice.note.clone()),
            // No field path: kubectl describe would say it twice, and kubectl get events not at all.
            regarding: Some(reference(key, version, uid.as_deref())),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.identity.clone()),
            ..Event::default()
        }
    }
}

fn reference(key: &ObjectKey, version: &str, uid: Option<&str>) -> ObjectReference {
    let unless_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ObjectReference {
        api_version: Some(version.to_owned()),
        kind: Some(key.kind.to_string()),
        namespace: unless_empty(&key.namespace),
        name: Some(key.name.to_string()),
        uid: uid.map(Into::into),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests;
