// SPDX-License-Identifier: Apache-2.0
//! The addresses of the Service whose load balancer leads to Postern
//! (`providers.kubernetesIngress.ingressEndpoint.publishedService`), and what is missing while there are none.
//!
//! The Service is looked at while this replica leads; one that is not there yet is waited for.

use std::time::Duration;

use postern_model::{Finding, Kind, ObjectKey, Origin, Quoted, Reason, Severity};
use tokio::sync::{mpsc, watch};

use crate::call::{CallError, jittered};
use crate::desk::Desk;
use crate::view::Address;

/// How often the Service is looked at once it has addresses.
const PAUSE: Duration = Duration::from_secs(15);
/// And until then: who installs Postern waits for it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What looking at the Service gave: its addresses; nothing if there is no such Service.
type Looked = Result<Option<Vec<Address>>, CallError>;

/// Tells the addresses of a Service whenever they change, and what is missing as long as there are none.
pub(crate) async fn tell(
    desk: Desk,
    (namespace, name): (String, String),
    told: mpsc::Sender<Vec<Address>>,
    found: watch::Sender<Vec<Finding>>,
) {
    let mut published = Published { name: format!("{namespace}/{name}"), last: Vec::new() };
    loop {
        let looked = desk.addresses(&namespace, &name).await;
        if let Some(findings) = published.missing(&looked) {
            found.send_if_modified(|known| {
                let is_new = *known != findings;
                *known = findings;
                is_new
            });
        }
        if let Some(addresses) = published.news(looked)
            && told.send(addresses).await.is_err()
        {
            return;
        }
        let pause = if published.last.is_empty() { FIRST_PAUSE } else { PAUSE };
        tokio::time::sleep(jittered(pause)).await;
    }
}

/// The Service, and what was told of it.
struct Published {
    /// Namespace and name.
    name: String,
    last: Vec<Address>,
}

impl Published {
    /// Addresses that were not told yet.  While there are none, what was told stays.
    fn news(&mut self, looked: Looked) -> Option<Vec<Address>> {
        let addresses = looked.ok().flatten().filter(|addresses| !addresses.is_empty())?;
        if addresses == self.last {
            return None;
        }
        self.last.clone_from(&addresses);
        Some(addresses)
    }

    /// What comes of it that there are none.
    fn effect(&self) -> &'static str {
        if self.last.is_empty() {
            "no address is written into the status of Ingresses meanwhile"
        } else {
            "the status of Ingresses keeps the addresses that it had"
        }
    }

    /// What is missing; nothing is known if the API server could not say.
    fn missing(&self, looked: &Looked) -> Option<Vec<Finding>> {
        let name = Quoted(&self.name);
        let (reason, message, remedy) = match looked {
            Ok(Some(addresses)) if !addresses.is_empty() => return Some(Vec::new()),
            Ok(Some(_)) => (
                Reason::ServiceNotFound,
                format!("the published Service {name} has no address yet"),
                "ask kubectl describe why its load balancer is not made, or configure ingressEndpoint.ip",
            ),
            Ok(None) => (
                Reason::ServiceNotFound,
                format!("the published Service {name} does not exist"),
                "create it, or correct providers.kubernetesIngress.ingressEndpoint.publishedService",
            ),
            Err(CallError::Forbidden { .. }) => (
                Reason::AccessNotGranted,
                format!("Postern may not read the published Service {name}"),
                "grant get on it to Postern's service account",
            ),
            Err(_) => return None,
        };
        Some(vec![Finding {
            severity: Severity::Warning,
            reason,
            origin: Origin::bare(ObjectKey::new(Kind::File, "", "kubernetes")),
            field: "".into(),
            message: format!("{message}; {}", self.effect()),
            remedy,
        }])
    }
}

#[cfg(test)]
mod tests;
