// SPDX-License-Identifier: Apache-2.0
//! The body of each fuzz target: takes any bytes and panics when a promise is broken.
//!
//! `tests/fuzz_seeds` compiles this file too and replays `fuzz/seeds`.

use std::io::Cursor;

use postern_model::path::normalize;
use postern_model::{Host, HostPattern, Settings};
use rustls::server::Acceptor;

/// A name has one canonical form, whichever door it comes through (I10).
pub fn host(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(host) = Host::parse(text) {
        let again = Host::parse(host.as_str()).expect("a canonical name is a name");
        assert_eq!(again, host, "canonical form is not idempotent");
        assert_eq!(Host::from_authority(text).as_ref(), Ok(&host), "SNI and Host disagree");
        let with_port = format!("{text}:443");
        assert_eq!(Host::from_authority(&with_port).as_ref(), Ok(&host), "a port changes the name");
        assert!(
            !HostPattern::Wildcard(host.clone()).matches(&host),
            "a wildcard matches its parent"
        );
    }
    if let Ok(host) = Host::from_authority(text) {
        assert_eq!(Host::from_authority(host.as_str()), Ok(host), "not idempotent");
    }
    if let Ok(pattern) = HostPattern::parse(text) {
        assert!(pattern.reserves(&pattern), "a pattern does not reserve itself");
        assert_eq!(HostPattern::parse(&pattern.to_string()), Ok(pattern), "not idempotent");
    }
}

/// What is matched is what is forwarded, and no dot segment survives (I13).
pub fn path(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(normal) = normalize(text) else { return };
    let again = normalize(&normal).expect("a normal path is a path");
    assert_eq!(again, normal, "normal form is not idempotent");
    let rest = normal.strip_prefix('/').expect("a normal path begins with a slash");
    let inner = rest.strip_suffix('/').unwrap_or(rest);
    for segment in inner.split('/') {
        assert!(segment != "." && segment != "..", "a dot segment in {normal:?}");
        assert!(!segment.is_empty() || rest.is_empty(), "an empty segment in {normal:?}");
    }
    assert!(normal.len() <= text.len(), "the path grew");
}

/// The name in a ClientHello does not depend on how the bytes arrive.
pub fn client_hello(input: &[u8]) {
    let step = input.first().map_or(1, |&first| usize::from(first % 7) + 1);
    assert_eq!(server_name(input, input.len().max(1)), server_name(input, step));
}

/// The canonical name that the hello asks for; nothing for no name, no hello, or one that is refused.
fn server_name(input: &[u8], step: usize) -> Option<Host> {
    let mut acceptor = Acceptor::default();
    for piece in input.chunks(step) {
        let mut bytes = Cursor::new(piece);
        while bytes.position() < bytes.get_ref().len() as u64 {
            if acceptor.read_tls(&mut bytes).ok()? == 0 {
                return None;
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    return hello.server_name().and_then(|name| Host::parse(name).ok());
                }
                Ok(None) => {}
                Err(_) => return None,
            }
        }
    }
    None
}

/// A file of any content gives a world that compiles, with findings, never a panic.
pub fn yaml(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (world, _) = postern_source::world_from_yaml(&text, Settings::default());
    for (_, tenant) in world.tenants() {
        for namespace in tenant.namespaces.keys() {
            assert!(!namespace.is_empty(), "an object is filed under no namespace");
        }
    }
    postern_compile::compile(&world);
}
