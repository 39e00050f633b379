// SPDX-License-Identifier: Apache-2.0
//! The entry points: which there are, and how each is served.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use postern_model::EntryPoint;
use postern_model::settings::MAX_ENTRY_POINTS;
use postern_serve::{EntryPointConfig, ForwardedHeaders, HttpLimits, Timeouts};

use super::error::ConfigError;
use super::keys;
use super::layer::Layer;
use super::reader::Reader;
use super::value;

/// The entry points that there are without configuration, and their addresses.
const DEFAULTS: [(&str, &str); 2] = [("web", ":8000"), ("websecure", ":8443")];

/// HTTP/2 allows no fewer than this many bytes for one frame (RFC 9113, 4.2); a head needs some room, too.
const MIN_HEADER_BYTES: usize = 1024;

/// All entry points, by name: the index is the `EntryPointId`.
#[derive(Debug, Default)]
pub(crate) struct EntryPoints {
    /// For the data plane.
    pub(crate) served: Vec<Arc<EntryPointConfig>>,
    /// For compiling.
    pub(crate) compiled: Vec<EntryPoint>,
    /// The longest of their grace periods.
    pub(crate) grace: Duration,
}

/// Reads which entry points there are.
pub(crate) fn read(layer: &Layer) -> Result<EntryPoints, ConfigError> {
    let mut names: BTreeSet<&str> = layer.names().into_iter().collect();
    if !layer.is_written_for_any(&keys::ENTRY_POINT_ADDRESS) {
        names.extend(DEFAULTS.map(|(name, _)| name));
    }
    if names.len() > MAX_ENTRY_POINTS {
        return Err(ConfigError::TooManyEntryPoints { most: MAX_ENTRY_POINTS });
    }
    let mut all = EntryPoints::default();
    for name in names {
        let reader = Reader::of(layer, name);
        let (config, entry_point) = one(name, &reader)?;
        all.served.push(Arc::new(config));
        all.compiled.push(entry_point);
        all.grace = all.grace.max(reader.duration(&keys::GRACE_TIMEOUT)?);
    }
    if !all.compiled.iter().any(|entry_point| entry_point.is_default) {
        all.compiled.iter_mut().for_each(|entry_point| entry_point.is_default = true);
    }
    Ok(all)
}

fn one(name: &str, reader: &Reader<'_>) -> Result<(EntryPointConfig, EntryPoint), ConfigError> {
    let tls = if reader.is_written(&keys::HTTP_TLS) {
        reader.switch(&keys::HTTP_TLS)?
    } else {
        name == "websecure"
    };
    let timeouts = Timeouts {
        read: reader.duration(&keys::READ_TIMEOUT)?,
        write: reader.duration(&keys::WRITE_TIMEOUT)?,
        idle: reader.duration(&keys::IDLE_TIMEOUT)?,
    };
    let forwarded = ForwardedHeaders {
        insecure: reader.switch(&keys::FORWARDED_INSECURE)?,
        trusted_ips: reader.each(&keys::FORWARDED_TRUSTED, value::network)?,
    };
    let http = HttpLimits {
        max_header_bytes: reader.parse(&keys::HTTP_MAX_HEADER_BYTES, |text| match value::count(
            text,
        )? {
            bytes if bytes >= MIN_HEADER_BYTES => Ok(bytes),
            _ => Err(format!("is less than {MIN_HEADER_BYTES}")),
        })?,
        max_concurrent_streams: reader.parse(&keys::HTTP2_STREAMS, |text| {
            u32::try_from(value::count(text)?).map_err(|_| "is too large".to_owned())
        })?,
    };
    let addresses = addresses(name, reader)?;
    let shared: Arc<str> = name.into();
    let config =
        EntryPointConfig { name: shared.clone(), addresses, tls, timeouts, forwarded, http };
    let is_default = reader.switch(&keys::ENTRY_POINT_AS_DEFAULT)?;
    Ok((config, EntryPoint { name: shared, tls, is_default }))
}

fn addresses(name: &str, reader: &Reader<'_>) -> Result<Vec<SocketAddr>, ConfigError> {
    reader.only(&keys::ENTRY_POINT, true, "cannot be turned off: configure another instead")?;
    let written = reader.each(&keys::ENTRY_POINT_ADDRESS, value::listen_addresses)?;
    let mut addresses: Vec<SocketAddr> = written.into_iter().flatten().collect();
    if addresses.is_empty() {
        let default = DEFAULTS.iter().find(|(known, _)| *known == name);
        let no_address = || ConfigError::NoAddress { name: name.to_owned() };
        let (_, text) = default.ok_or_else(no_address)?;
        addresses = value::listen_addresses(text).map_err(|_| no_address())?;
    }
    let mut seen = BTreeSet::new();
    // Port 0 is a new port each time; any other address can be listened on once.
    addresses.retain(|address| address.port() == 0 || seen.insert(*address));
    Ok(addresses)
}
