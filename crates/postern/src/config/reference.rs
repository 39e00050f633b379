// SPDX-License-Identifier: Apache-2.0
//! The table of keys for readers: in `--help`, and as a page of the documentation.

use std::fmt::Write;

use super::key::Key;
use super::keys::KEYS;

/// What `--help` says behind the options of a command.
pub(crate) fn help() -> String {
    let mut out = String::from(
        "Configuration, in any case of letters, as --key=value or --key value; lists are repeated or separated by \
         commas. The same keys stand in a YAML or TOML file (--configFile) and in the environment \
         (POSTERN_ENTRYPOINTS_WEB_ADDRESS; Traefik's TRAEFIK_… is read, too). Flags win over POSTERN_…, that wins over \
         TRAEFIK_…, and that over the file.\n",
    );
    for key in KEYS {
        let _ = write!(out, "\n  --{} <{}>", key.path, key.kind.describe());
        if !key.default.is_empty() {
            let _ = write!(out, " [default: {}]", key.default);
        }
        let _ = write!(out, "\n          {}", key.help);
    }
    out
}

/// The page `docs/user/options.md`.
pub(crate) fn markdown() -> String {
    let mut out = String::from(PAGE);
    for Key { path, kind, default, help } in KEYS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let _ = writeln!(out, "| `{path}` | {} | {default} | {help} |", kind.describe());
    }
    out
}

const PAGE: &str = "\
# Options

This page is generated from the table of keys in `crates/postern/src/config/keys.rs`, by `postern options`.

The same keys can be given in three ways; a setting from a source further up in this list replaces one from further
down as a whole:

1. flags: `--entryPoints.web.address=:8000`, `--entryPoints.web.address :8000`, and for a switch `--accessLog` alone;
2. environment variables that begin with `POSTERN_`: `POSTERN_ENTRYPOINTS_WEB_ADDRESS=:8000`;
3. environment variables that begin with `TRAEFIK_`, under the same names;
4. a YAML or TOML file that `--configFile` names: `entryPoints: {web: {address: \":8000\"}}`.

Upper and lower case are the same, in keys and in the names of entry points. `NAME` is the name of an entry point.
Lists are repeated or separated by commas. Durations are written as in Go (`1h`, `1m30s`, `300ms`); a bare number is in
seconds. An unknown key is an error that suggests the nearest one; a key that Traefik has and Postern does not have yet
is an error that says so. A change needs a restart; what the folders hold does not.

| key | type | default | meaning |
|---|---|---|---|
";
