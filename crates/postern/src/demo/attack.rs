// SPDX-License-Identifier: Apache-2.0
//! Three ways in which tenant globex tries to get requests that are meant for tenant acme.

use anyhow::bail;
use postern_model::{Finding, Kind, Reason};

use super::certificate::Authority;
use super::client::{Protocol, Question};
use super::{Demo, manifest};

const VICTIM: &str = "app.acme.test";
const OWN: &str = "shop.globex.test";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// A certificate with acme's name in a Secret of its own, declared by an Ingress of its own.
    Secret,
    /// A rule for acme's host.
    Ingress,
    /// A connection to its own host, on which acme's is asked for.
    Mismatch,
}

impl Attack {
    pub(super) const ALL: [Self; 3] = [Self::Secret, Self::Ingress, Self::Mismatch];

    /// What is tried.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Secret => "1. by a Secret: a certificate for app.acme.test, declared by globex",
            Self::Ingress => "2. by an Ingress: a rule for app.acme.test, declared by globex",
            Self::Mismatch => {
                "3. by a mismatch: a connection to shop.globex.test, on which \
                               app.acme.test is asked for"
            }
        }
    }

    /// The file that it is written into.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Secret => "globex-attack-by-secret.yaml",
            Self::Ingress => "globex-attack-by-ingress.yaml",
            Self::Mismatch => "",
        }
    }

    /// What globex declares; nothing if it only sends a request.
    pub(super) fn manifest(self) -> anyhow::Result<Option<String>> {
        Ok(match self {
            Self::Secret => {
                // Any authority signs what it likes; a SAN never makes an owner.
                let leaf = Authority::new()?.leaf(&[VICTIM])?;
                let secret = manifest::secret("globex", "stolen-tls", &leaf);
                let tls = Some((VICTIM, "stolen-tls"));
                let ingress = manifest::ingress("globex", "attack-by-secret", tls, VICTIM, "shop");
                Some(format!("{ingress}---\n{secret}"))
            }
            Self::Ingress => {
                Some(manifest::ingress("globex", "attack-by-ingress", None, VICTIM, "shop"))
            }
            Self::Mismatch => None,
        })
    }

    /// What is tried on the wire, and whether it was refused.
    pub(super) async fn try_it(self, demo: &Demo) -> Vec<(String, anyhow::Result<()>)> {
        if self != Self::Mismatch {
            return Vec::new();
        }
        let mut tried = Vec::new();
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let question = Question::tls(OWN, VICTIM, protocol);
            let answer = demo.client.ask(demo.websecure, &question).await;
            let result = answer.and_then(|answer| match answer.status {
                421 => Ok(()),
                status => bail!("{status}: {}", answer.body.trim_end()),
            });
            tried.push((format!("{question}: refused with 421"), result));
        }
        tried
    }
}

/// Whether this is the refusal that is to come.
pub(super) fn is_refusal(finding: &Finding) -> bool {
    finding.origin.key.kind == Kind::Ingress && finding.reason == Reason::HostNotOwned
}

/// Whether the refusal says only what globex may know.
pub(super) fn tells_nothing(finding: &Finding) -> anyhow::Result<()> {
    if format!("{} {}", finding.message, finding.remedy).contains("acme") {
        bail!("it names the owner");
    }
    Ok(())
}
