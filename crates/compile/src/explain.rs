// SPDX-License-Identifier: Apache-2.0
//! Why a URL is answered as it is: for `postern explain`, a tool of the operator, who may see all tenants.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use postern_model::path::{InvalidPath, normalize};
use postern_model::{
    AppProtocol, EntryPoint, EntryPointId, Host, HostPattern, InvalidHost, ObjectKey, Timestamp,
};
use postern_snapshot::render::path as path_text;
use postern_snapshot::route_table::matches;
use postern_snapshot::{
    Action, Admission, Closed, Readmission, Route, Snapshot, TlsDecision, TlsRefusal,
};

/// What is asked: a URL, and the name in the ClientHello if it is another than the URL's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The host that is asked for.
    pub host: Host,
    /// The name in the ClientHello.
    pub sni: Host,
    /// The path in normal form.
    pub path: String,
}

/// Why a question cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuestion {
    /// Neither `http://` nor `https://`.
    #[error("the URL begins neither with http:// nor with https://")]
    Scheme,
    /// The host of the URL.
    #[error("the host of the URL is invalid")]
    Host(#[source] InvalidHost),
    /// The server name.
    #[error("the server name is invalid")]
    Sni(#[source] InvalidHost),
    /// The path of the URL.
    #[error("the path of the URL is invalid")]
    Path(#[source] InvalidPath),
}

impl Question {
    /// Parses a URL and the server name, which is the URL's host if not given.
    pub fn parse(url: &str, sni: Option<&str>) -> Result<Self, InvalidQuestion> {
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(InvalidQuestion::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let host = Host::from_authority(authority).map_err(InvalidQuestion::Host)?;
        let path = rest.split(['?', '#']).next().filter(|path| !path.is_empty()).unwrap_or("/");
        let path = normalize(path).map_err(InvalidQuestion::Path)?.into_owned();
        let sni = match sni {
            Some(name) => Host::parse(name).map_err(InvalidQuestion::Sni)?,
            None => host.clone(),
        };
        Ok(Self { tls, host, sni, path })
    }
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked.
    pub question: Question,
    /// The entry point for which it is answered: the first default one that speaks TLS, or does not.
    pub entry_point: Option<Arc<str>>,
    /// The tenant that answers.
    pub tenant: Option<Arc<str>>,
    /// Whose the host is, and why.
    pub ownership: Ownership,
    /// What the handshake does; nothing in the clear.
    pub handshake: Option<Handshake>,
    /// What the request gets.
    pub outcome: Outcome,
    /// The route that answers.
    pub route: Option<RouteStory>,
    /// Where it goes.
    pub backend: Option<BackendStory>,
    /// Every other rule that is about the host, and why it does not answer.
    pub losers: Vec<Loser>,
}

/// Whose a host is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The operator says so in a Tenant.
    Domain {
        /// The domain that the host is, or is below.
        domain: HostPattern,
    },
    /// Somebody claimed it.
    Claim {
        /// The claimed name: the host itself, or a wildcard above it.
        pattern: HostPattern,
        /// The namespace that claimed it.
        namespace: Arc<str>,
        /// How often it changed hands.
        epoch: u64,
    },
    /// It was given up a short while ago.
    Quarantined {
        /// The name that was given up.
        pattern: HostPattern,
        /// When others may have it.
        until: Timestamp,
    },
    /// It is nobody's, or there is only one tenant.
    Nobody,
}

/// What the handshake does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The Secret of the certificate that is served, or why the handshake is refused.
    pub result: Result<ObjectKey, &'static str>,
    /// Every other certificate of the tenant that is about the name, and why it is not served.
    pub losers: Vec<Loser>,
}

/// What the request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes to the backend.
    Forwarded,
    /// The handshake is refused: there is no request.
    Refused,
    /// 421: the host may not be asked for on a connection for the server name.
    Misdirected,
    /// 404: no rule is for it.
    NotFound,
    /// 503: something that its rule needs is missing.
    Closed(String),
    /// 503: its Service has no endpoint that serves.
    NoEndpoints,
}

/// A rule that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteStory {
    /// The object.
    pub object: ObjectKey,
    /// The field in it.
    pub field: Arc<str>,
    /// Its path condition.
    pub path: String,
    /// Its priority.
    pub priority: i64,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendStory {
    /// The Service.
    pub service: ObjectKey,
    /// Its port.
    pub port: u16,
    /// What is spoken there.
    pub protocol: AppProtocol,
    /// The endpoints.
    pub endpoints: Vec<SocketAddr>,
}

/// Something that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loser {
    /// The object.
    pub object: ObjectKey,
    /// The field in it; empty for the whole object.
    pub field: Arc<str>,
    /// Why.
    pub reason: String,
}

/// The entry point that a question is about.
pub(crate) fn entry_point(
    entry_points: &[EntryPoint],
    tls: bool,
) -> Option<(EntryPointId, &EntryPoint)> {
    let mut fitting = (0_u8..).map(EntryPointId).zip(entry_points).filter(|(_, p)| p.tls == tls);
    let first = fitting.clone().next();
    fitting.find(|(_, point)| point.is_default).or(first)
}

/// Asks the snapshot as a connection with that question would.
pub(crate) fn admit(snapshot: &Snapshot, question: &Question) -> Result<Admission, Outcome> {
    if !question.tls {
        return snapshot.admit(&question.host).ok_or(Outcome::NotFound);
    }
    let held = snapshot.admit(&question.sni).ok_or(Outcome::Refused)?;
    if matches!(held.tls(), TlsDecision::Refuse(_)) {
        return Err(Outcome::Refused);
    }
    match snapshot.readmit(&held, &question.host) {
        Readmission::Admitted(admission) => Ok(admission),
        Readmission::Misdirected => Err(Outcome::Misdirected),
        Readmission::Revoked => Err(Outcome::Refused),
    }
}

/// Why a handshake is refused.
pub(crate) fn refusal(snapshot: &Snapshot, name: &Host) -> &'static str {
    match snapshot.admit(name).map(|admission| admission.tls().clone()) {
        None => "nobody owns the name",
        Some(TlsDecision::Refuse(TlsRefusal::CertificateUnusable)) => {
            "the host's own certificate is unusable"
        }
        Some(TlsDecision::Refuse(TlsRefusal::NoKeyExchange)) => {
            "no group for key exchange that the operator allows is usable"
        }
        Some(_) => "no certificate is declared for the host",
    }
}

impl Explanation {
    /// Follows an admitted request to its backend.
    pub(crate) fn follow(&mut self, admission: &Admission, at: EntryPointId) {
        let winner = admission.route(at, &self.question.path);
        let others = admission
            .routes()
            .filter(|route| winner.is_none_or(|winner| !Arc::ptr_eq(winner, route)));
        let losers = others.map(|route| Loser {
            object: route.object.clone(),
            field: route.field.clone(),
            reason: lost(route, winner, at, &self.question.path),
        });
        self.losers.extend(losers);
        let Some(route) = winner else { return };
        self.route = Some(RouteStory {
            object: route.object.clone(),
            field: route.field.clone(),
            path: path_text(&route.path),
            priority: route.precedence.priority.0,
        });
        self.outcome = match &route.action {
            Action::Closed(Closed::BackendUnresolved) => {
                Outcome::Closed("the backend cannot be resolved".into())
            }
            Action::Closed(Closed::Unsupported(field)) => {
                Outcome::Closed(format!("{field} cannot be honoured"))
            }
            Action::Forward(slot) => match admission.backend(*slot) {
                Some(backend) => {
                    let key = &backend.key;
                    self.backend = Some(BackendStory {
                        service: ObjectKey::new(
                            postern_model::Kind::Service,
                            key.namespace.clone(),
                            key.service.clone(),
                        ),
                        port: key.port,
                        protocol: backend.protocol,
                        endpoints: backend.endpoints.to_vec(),
                    });
                    if !backend.serves() { Outcome::NoEndpoints } else { Outcome::Forwarded }
                }
                None => Outcome::NoEndpoints,
            },
        };
    }
}

/// Why a route does not answer, although it is in the host's table.
fn lost(route: &Route, winner: Option<&Arc<Route>>, at: EntryPointId, path: &str) -> String {
    if !route.entry_points.contains(at) {
        return "it is not served on this entry point".into();
    }
    if !matches(&route.path, path) {
        return format!("its path condition is {}", path_text(&route.path));
    }
    let Some(winner) = winner else { return "it comes later".into() };
    let (own, first) = (&route.precedence, &winner.precedence);
    if own.host_rank != first.host_rank {
        "a rule for a more specific host comes first".into()
    } else if own.is_default != first.is_default {
        "it is a default backend".into()
    } else if own.priority != first.priority {
        format!("its priority is {}, that of the winner {}", own.priority.0, first.priority.0)
    } else if own.object == first.object {
        "it stands after the winner in the same object".into()
    } else {
        "the winner's object is older".into()
    }
}

impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain { domain } => write!(f, "the operator gave {domain} to the tenant"),
            Self::Claim { pattern, namespace, epoch } => {
                write!(f, "namespace {namespace} claimed {pattern} (epoch {epoch})")
            }
            Self::Quarantined { pattern, until } => {
                write!(f, "{pattern} was released and is quarantined until {}", until.0)
            }
            Self::Nobody => f.write_str("nobody claimed it"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forwarded => f.write_str("forwarded"),
            Self::Refused => f.write_str("the handshake is refused (unrecognized_name)"),
            Self::Misdirected => f.write_str("421: misdirected request"),
            Self::NotFound => f.write_str("404: no route"),
            Self::Closed(reason) => write!(f, "503: {reason}"),
            Self::NoEndpoints => f.write_str("503: no endpoint serves"),
        }
    }
}

#[cfg(test)]
mod tests;
