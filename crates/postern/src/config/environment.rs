// SPDX-License-Identifier: Apache-2.0
//! Configuration from the environment: `POSTERN_ENTRYPOINTS_WEB_ADDRESS`, and Traefik's own `TRAEFIK_…` below it.

use super::error::ConfigError;
use super::layer::{Layer, recognise};

const PREFIXES: [&str; 2] = ["TRAEFIK_", "POSTERN_"];

/// Reads what the environment configures.
pub(crate) fn read(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Layer, ConfigError> {
    let variables: Vec<_> = variables.into_iter().collect();
    let mut environment = Layer::default();
    for prefix in PREFIXES {
        let mut layer = Layer::default();
        for (variable, text) in &variables {
            let Some(name) = variable.strip_prefix(prefix) else { continue };
            if is_service_link(name) {
                continue;
            }
            let place = format!("environment variable {variable}");
            let segments: Vec<&str> = name.split('_').collect();
            let path = recognise(&segments, &place)?;
            layer.add_once(&path, vec![text.clone()], place)?;
        }
        environment = environment.under(layer);
    }
    Ok(environment)
}

/// Whether Kubernetes put it there for a Service that is called `traefik` or `postern` or begins so: `_SERVICE_HOST`,
/// `_SERVICE_PORT…`, `_PORT`, `_PORT_80_TCP…` (Kubernetes, "Environment variables" of Services).
fn is_service_link(name: &str) -> bool {
    let segments: Vec<&str> = name.split('_').collect();
    let number = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let position = segments.iter().position(|s| *s == "PORT" || *s == "SERVICE");
    let Some(position) = position else { return false };
    match &segments[position..] {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] | ["PORT"] => true,
        ["PORT", port, protocol, ..] => number(port) && matches!(*protocol, "TCP" | "UDP" | "SCTP"),
        _ => false,
    }
}
