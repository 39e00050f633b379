// SPDX-License-Identifier: Apache-2.0
//! Who the client is, told to the backend as Traefik tells it: X-Forwarded-For, -Proto, -Host, -Port, -Server, X-Real-Ip.
//!
//! What a peer says about that itself counts only if the operator trusts it; from everybody else it is dropped in every
//! spelling before ours is written (I13).

use std::net::IpAddr;
use std::sync::LazyLock;

use smallvec::SmallVec;

use crate::hops;
use crate::http::fields::Managed;

static SERVER: LazyLock<String> =
    LazyLock::new(|| rustix::system::uname().nodename().to_string_lossy().into_owned());

/// What a request is said to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    /// The peer's address, as [`peer_text`] writes it.
    pub(crate) peer: &'a str,
    /// Whether it came over TLS.
    pub(crate) tls: bool,
    /// Whether it asks for a WebSocket.
    pub(crate) websocket: bool,
    /// Its authority.
    pub(crate) authority: &'a str,
}

/// What a trusted peer said; empty for everybody else.
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    chain: SmallVec<[&'a [u8]; 2]>,
    proto: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    port: Option<&'a [u8]>,
    real_ip: Option<&'a [u8]>,
}

impl<'a> Claims<'a> {
    /// Notes one field of a trusted peer.
    pub(crate) fn note(&mut self, field: Managed, value: &'a [u8]) {
        let first = |known: &mut Option<&'a [u8]>| {
            if !value.is_empty() {
                known.get_or_insert(value);
            }
        };
        match field {
            Managed::For if !value.is_empty() => self.chain.push(value),
            Managed::Proto => first(&mut self.proto),
            Managed::Host => first(&mut self.host),
            Managed::Port => first(&mut self.port),
            Managed::RealIp => first(&mut self.real_ip),
            Managed::For | Managed::Server | Managed::Other => {}
        }
    }

    /// Calls `write` with the name and the value of each field for the backend, and with the mark of one more hop.  A value comes in pieces.
    pub(crate) fn write(
        &self,
        arrival: &Arrival<'_>,
        mut write: impl FnMut(&'static str, &[&[u8]]),
    ) {
        let mut chain: SmallVec<[&[u8]; 6]> = SmallVec::new();
        for hop in &self.chain {
            chain.extend([*hop, b", "]);
        }
        chain.push(arrival.peer.as_bytes());
        write("X-Forwarded-For", &chain);
        let host = self.host.unwrap_or(arrival.authority.as_bytes());
        if !host.is_empty() {
            write("X-Forwarded-Host", &[host]);
        }
        let proto = self.proto.unwrap_or(match (arrival.websocket, arrival.tls) {
            (false, false) => b"http",
            (false, true) => b"https",
            (true, false) => b"ws",
            (true, true) => b"wss",
        });
        let port = self.port.unwrap_or_else(|| port(arrival, proto));
        write("X-Forwarded-Port", &[port]);
        write("X-Forwarded-Proto", &[proto]);
        write("X-Forwarded-Server", &[SERVER.as_bytes()]);
        write(hops::FIELD, &[hops::MARK]);
        write("X-Real-Ip", &[self.real_ip.unwrap_or(arrival.peer.as_bytes())]);
    }
}

fn port<'a>(arrival: &Arrival<'a>, proto: &[u8]) -> &'a [u8] {
    let after_host = arrival.authority.rsplit_once(':').map(|(_, port)| port);
    match after_host {
        Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            port.as_bytes()
        }
        _ if arrival.tls || proto == b"https" || proto == b"wss" => b"443",
        _ => b"80",
    }
}

/// A peer's address as backends expect it: an IPv4 address that came in IPv6's clothes without them.
pub(crate) fn peer_text(peer: IpAddr) -> String {
    peer.to_canonical().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(claims: &Claims<'_>, arrival: Arrival<'_>) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        claims.write(&arrival, |name, value| {
            if name != "X-Forwarded-Server" && name != hops::FIELD {
                all.push((name, String::from_utf8(value.concat()).unwrap()));
            }
        });
        all
    }

    const ARRIVAL: Arrival<'static> =
        Arrival { peer: "192.0.2.1", tls: false, websocket: false, authority: "a.test:8000" };

    #[test]
    fn a_stranger_is_described_by_what_is_seen() {
        let expected = [
            ("X-Forwarded-For", "192.0.2.1"),
            ("X-Forwarded-Host", "a.test:8000"),
            ("X-Forwarded-Port", "8000"),
            ("X-Forwarded-Proto", "http"),
            ("X-Real-Ip", "192.0.2.1"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(written(&Claims::default(), ARRIVAL), expected);
    }

    #[test]
    fn a_trusted_peer_is_believed_and_appended_to() {
        let mut claims = Claims::default();
        for (field, value) in [
            (Managed::For, "198.51.100.7"),
            (Managed::For, "203.0.113.9, 10.0.0.1"),
            (Managed::Proto, "https"),
            (Managed::Host, "shop.test"),
            (Managed::Server, "other"),
            (Managed::RealIp, "198.51.100.7"),
            (Managed::Port, ""),
        ] {
            claims.note(field, value.as_bytes());
        }
        let expected = [
            ("X-Forwarded-For", "198.51.100.7, 203.0.113.9, 10.0.0.1, 192.0.2.1"),
            ("X-Forwarded-Host", "shop.test"),
            ("X-Forwarded-Port", "443"),
            ("X-Forwarded-Proto", "https"),
            ("X-Real-Ip", "198.51.100.7"),
        ];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(written(&claims, Arrival { authority: "a.test", ..ARRIVAL }), expected);
    }

    #[test]
    fn websockets_have_schemes_of_their_own() {
        for (tls, proto, port) in [(false, "ws", "80"), (true, "wss", "443")] {
            let arrival = Arrival { tls, websocket: true, authority: "[2001:db8::1]", ..ARRIVAL };
            let all = written(&Claims::default(), arrival);
            assert!(all.contains(&("X-Forwarded-Proto", proto.to_owned())));
            assert!(all.contains(&("X-Forwarded-Port", port.to_owned())));
        }
    }

    #[test]
    fn a_mapped_address_is_written_as_what_it_is() {
        assert_eq!(peer_text("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1");
        assert_eq!(peer_text("2001:db8::1".parse().unwrap()), "2001:db8::1");
    }
}
