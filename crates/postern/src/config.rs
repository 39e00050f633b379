// SPDX-License-Identifier: Apache-2.0
//! The install configuration: the same keys from flags, the environment and a file, in this order of precedence.

mod cluster;
mod entry_point;
mod environment;
mod error;
mod file;
mod flags;
mod key;
mod keys;
mod layer;
mod reader;
mod reference;
mod suggest;
mod unsupported;
mod value;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use ipnet::IpNet;
use postern_model::{EgressPolicy, LabelSelector, Settings, TenancyMode};
use postern_serve::{AccessLogFormat, Connections, EdgeConfig, RequestsInFlight, UpstreamConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub(crate) use cluster::{ClusterConfig, IngressEndpoint};
pub(crate) use error::ConfigError;
pub(crate) use flags::take as take_flags;
pub(crate) use keys::KEYS;
pub(crate) use layer::Layer;
pub(crate) use reference::{help, markdown};

use crate::log::Level;
use key::Key;
use reader::Reader;

/// More workers than this are a slip.
const MAX_WORKERS: usize = 1024;

/// Everything that Postern is started with; a change needs a restart.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// What compiling works from.
    pub(crate) settings: Settings,
    /// What the data plane works from.
    pub(crate) edge: EdgeConfig,
    /// Where the admin server listens, if it does: the first that this machine has.
    pub(crate) admin: Vec<SocketAddr>,
    /// Where only probes and scrapes are answered, if they are: the first that this machine has.
    pub(crate) health: Vec<SocketAddr>,
    /// How a cluster is read, if one is.
    pub(crate) cluster: ClusterConfig,
    /// What is logged.
    pub(crate) log_level: Level,
}

impl Config {
    /// Lays flags over the environment over the file that they name, and reads the result.
    pub(crate) fn load(
        flags: Layer,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let above = environment::read(variables)?.under(flags);
        let file = match above.written(&keys::CONFIG_FILE, None) {
            Some(written) => file::read(Path::new(&written.texts.concat()))?,
            None => Layer::default(),
        };
        Self::read(&file.under(above))
    }

    fn read(layer: &Layer) -> Result<Self, ConfigError> {
        let reader = Reader::new(layer);
        let entry_points = entry_point::read(layer)?;
        let mut settings = settings(&reader)?;
        let edge = EdgeConfig {
            workers: workers(&reader)?,
            entry_points: entry_points.served,
            upstream: upstream(&reader)?,
            connections: connections(&reader, &keys::CONNECTIONS)?,
            tenant_connections: tenant_connections(&reader, settings.tenancy)?,
            requests_in_flight: requests_in_flight(&reader, settings.tenancy)?,
            stalled_after: postern_serve::STALLED_AFTER,
            grace_timeout: entry_points.grace,
            access_log: access_log(&reader)?,
        };
        settings.entry_points = entry_points.compiled;
        Ok(Self {
            settings,
            edge,
            admin: listens(&reader, &keys::ADMIN_ADDRESS)?,
            health: listens(&reader, &keys::HEALTH_ADDRESS)?,
            cluster: cluster::read(&reader)?,
            log_level: log_level(&reader)?,
        })
    }
}

fn settings(reader: &Reader<'_>) -> Result<Settings, ConfigError> {
    let quarantine = reader.duration(&keys::TENANCY_QUARANTINE)?;
    let class = reader.text(&keys::INGRESS_CLASS);
    Ok(Settings {
        tenancy: match reader.choice(&keys::TENANCY_MODE)? {
            "declared" => TenancyMode::Declared,
            "off" => TenancyMode::Off,
            _ => TenancyMode::Namespace,
        },
        ingress_class: (!class.is_empty()).then(|| class.into()),
        namespaces: namespaces(reader),
        reads_classes: !reader.switch(&keys::INGRESS_NO_CLUSTER_SCOPE)?,
        label_selector: reader.parse(&keys::INGRESS_LABELS, label_selector)?,
        allow_empty_services: reader.switch(&keys::INGRESS_EMPTY_SERVICES)?,
        serves_ingresses: reader.switch(&keys::INGRESS)?,
        allow_external_names: reader.switch(&keys::INGRESS_EXTERNAL_NAME)?,
        native_lb_by_default: reader.switch(&keys::INGRESS_NATIVE_LB)?,
        strict_prefix_matching: reader.switch(&keys::INGRESS_STRICT_PREFIX)?,
        // Nobody and everybody are told apart by whether the list is there.
        cross_provider_namespaces: reader
            .is_written(&keys::INGRESS_CROSS_PROVIDER)
            .then(|| names(reader, &keys::INGRESS_CROSS_PROVIDER).collect()),
        allow_cross_namespace: reader.switch(&keys::INGRESS_CROSS_NAMESPACE)?,
        egress: EgressPolicy {
            allow: networks(reader, &keys::EGRESS_ALLOW)?,
            deny: networks(reader, &keys::EGRESS_DENY)?,
            require_pod_targets: reader.switch(&keys::EGRESS_POD_TARGETS)?,
        },
        quarantine_seconds: i64::try_from(quarantine.as_secs()).unwrap_or(i64::MAX),
        max_hosts: limit(reader, &keys::TENANCY_HOSTS)?,
        max_routes: limit(reader, &keys::TENANCY_ROUTES)?,
        ..Settings::default()
    })
}

fn label_selector(text: &str) -> Result<LabelSelector, String> {
    LabelSelector::parse(text).map_err(|error| format!("is no label selector: {error}"))
}

/// A limit on what one tenant declares; 0 means none.
fn limit(reader: &Reader<'_>, key: &'static Key) -> Result<Option<u32>, ConfigError> {
    reader.parse(key, |text| {
        let limit = u32::try_from(value::count(text)?).map_err(|_| "is too large".to_owned())?;
        Ok((limit > 0).then_some(limit))
    })
}

/// The namespaces that either provider lists.
fn namespaces(reader: &Reader<'_>) -> Vec<Arc<str>> {
    let both = [&keys::INGRESS_NAMESPACES, &keys::CRD_NAMESPACES];
    let mut all: Vec<_> = both.into_iter().flat_map(|key| names(reader, key)).collect();
    all.sort();
    all.dedup();
    all
}

fn names<'a>(reader: &Reader<'a>, key: &Key) -> impl Iterator<Item = Arc<str>> + use<'a> {
    let names: Vec<_> = reader.list(key).map(|(name, _)| name.into()).collect();
    names.into_iter()
}

fn networks(reader: &Reader<'_>, key: &Key) -> Result<Vec<IpNet>, ConfigError> {
    reader.each(key, value::network)
}

fn upstream(reader: &Reader<'_>) -> Result<UpstreamConfig, ConfigError> {
    let roots = reader.each(&keys::UPSTREAM_ROOTS, root_certificates)?;
    Ok(UpstreamConfig {
        root_certificates: roots.into_iter().flatten().collect(),
        insecure_skip_verify: reader.switch(&keys::UPSTREAM_INSECURE)?,
        dial_timeout: reader.duration(&keys::UPSTREAM_DIAL)?,
        response_header_timeout: reader.duration(&keys::UPSTREAM_HEADER)?,
        idle_timeout: reader.duration(&keys::UPSTREAM_IDLE_TIMEOUT)?,
        max_idle_per_endpoint: reader.count(&keys::UPSTREAM_IDLE)?,
        ..UpstreamConfig::default()
    })
}

fn tenant_connections(
    reader: &Reader<'_>,
    tenancy: TenancyMode,
) -> Result<Connections, ConfigError> {
    if tenancy == TenancyMode::Off && !reader.is_written(&keys::TENANCY_CONNECTIONS) {
        // A single tenant takes nothing from anybody.
        return Ok(Connections::Unlimited);
    }
    connections(reader, &keys::TENANCY_CONNECTIONS)
}

fn connections(reader: &Reader<'_>, key: &'static Key) -> Result<Connections, ConfigError> {
    if !reader.is_written(key) {
        return Ok(Connections::Fitting);
    }
    reader.parse(key, |text| {
        Ok(match value::count(text)? {
            0 => Connections::Unlimited,
            limit => Connections::AtMost(limit),
        })
    })
}

fn requests_in_flight(
    reader: &Reader<'_>,
    tenancy: TenancyMode,
) -> Result<RequestsInFlight, ConfigError> {
    if !reader.is_written(&keys::TENANCY_REQUESTS) {
        // A single tenant takes nothing from anybody.
        return Ok(match tenancy {
            TenancyMode::Off => RequestsInFlight::Unlimited,
            TenancyMode::Namespace | TenancyMode::Declared => RequestsInFlight::FairShare,
        });
    }
    reader.parse(&keys::TENANCY_REQUESTS, |text| match value::count(text)? {
        0 => Ok(RequestsInFlight::Unlimited),
        limit => u32::try_from(limit)
            .map(RequestsInFlight::AtMost)
            .map_err(|_| "is too large".to_owned()),
    })
}

/// The certificates of a PEM file, or, as in Traefik, of a PEM text itself.
fn root_certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let is_pem = text.trim_start().starts_with("-----BEGIN");
    let found: Result<Vec<_>, _> = if is_pem {
        CertificateDer::pem_slice_iter(text.as_bytes()).collect()
    } else {
        CertificateDer::pem_file_iter(text).and_then(Iterator::collect)
    };
    match found {
        Ok(certificates) if certificates.is_empty() => Err("holds no PEM certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn access_log(
    reader: &Reader<'_>,
) -> Result<Option<(AccessLogFormat, Option<std::path::PathBuf>)>, ConfigError> {
    let on = if reader.is_written(&keys::ACCESS_LOG) {
        reader.switch(&keys::ACCESS_LOG)?
    } else {
        reader.is_written(&keys::ACCESS_LOG_FORMAT) || reader.is_written(&keys::ACCESS_LOG_FILE)
    };
    let format = match reader.choice(&keys::ACCESS_LOG_FORMAT)? {
        "json" => AccessLogFormat::Json,
        _ => AccessLogFormat::Common,
    };
    let path = reader.text(&keys::ACCESS_LOG_FILE);
    Ok(on.then(|| (format, (!path.is_empty()).then(|| path.into()))))
}

fn listens(reader: &Reader<'_>, key: &'static Key) -> Result<Vec<SocketAddr>, ConfigError> {
    if reader.text(key).is_empty() {
        return Ok(Vec::new());
    }
    reader.parse(key, value::listen_addresses)
}

fn log_level(reader: &Reader<'_>) -> Result<Level, ConfigError> {
    Ok(match reader.choice(&keys::LOG_LEVEL)? {
        "debug" | "trace" => Level::Debug,
        "warn" => Level::Warn,
        "error" | "fatal" | "panic" => Level::Error,
        _ => Level::Info,
    })
}

fn workers(reader: &Reader<'_>) -> Result<usize, ConfigError> {
    if !reader.is_written(&keys::WORKERS) {
        return Ok(available_parallelism().map_or(1, Into::into));
    }
    reader.parse(&keys::WORKERS, |text| match value::count(text)? {
        workers @ 1..=MAX_WORKERS => Ok(workers),
        _ => Err(format!("is not between 1 and {MAX_WORKERS}")),
    })
}
