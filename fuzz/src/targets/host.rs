// SPDX-License-Identifier: Apache-2.0
//! Any bytes as a hostname or an authority.

use postern_model::{Host, HostPattern};

/// A name has one canonical form, whichever door it comes through (I10).
pub fn run(input: &[u8]) {
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
