// SPDX-License-Identifier: Apache-2.0
//! How single values are read.  A refusal is half a sentence that follows the value.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use ipnet::IpNet;

/// What Go's `strconv.ParseBool` takes, which Traefik reads its switches with.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Ok(true),
        "false" | "0" | "f" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// A whole number.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "is not a whole number".to_owned())
}

/// One of some words, in any case, as the table spells it.
pub(crate) fn choice(text: &str, words: &[&'static str]) -> Result<&'static str, String> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| format!("is none of {}", words.join(", ")))
}

/// A Go duration (`1h`, `1m30s`, `1.5s`, `300ms`); a bare number is in seconds, as in Traefik.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refused = || "is no duration like 10s, 1m30s or 300ms".to_owned();
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(refused)?;
        let (amount, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let amount: f64 = amount.parse().map_err(|_| refused())?;
        let seconds = amount * seconds_of(unit).ok_or_else(refused)?;
        let piece = Duration::try_from_secs_f64(seconds).map_err(|_| refused())?;
        total = total.checked_add(piece).ok_or_else(refused)?;
        rest = tail;
    }
    // What is longer than a century is a slip, and would overflow instants later.
    let sane = !text.is_empty() && total <= Duration::from_secs(100 * 366 * 86_400);
    if sane { Ok(total) } else { Err(refused()) }
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" | "µs" | "μs" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

/// A CIDR range, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| address())
        .map_err(|_| "is no address and no CIDR range like 10.0.0.0/8".to_owned())
}

/// Where to listen, in Traefik's spelling `[host]:port[/tcp]`.  `:port` is every address of the machine: one socket for
/// IPv6 and one for IPv4, so that it does not hang on a kernel setting whether the first also takes what the second is
/// for.
pub(crate) fn listen_addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let refused = || "is no address like :8000, 127.0.0.1:8000 or [::1]:8000".to_owned();
    if text.ends_with("/udp") {
        return Err("is a UDP address, which is not supported yet".to_owned());
    }
    let text = text.strip_suffix("/tcp").unwrap_or(text);
    if let Some(port) = text.strip_prefix(':') {
        let port: u16 = port.parse().map_err(|_| refused())?;
        let all: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        return Ok(all.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    if let Ok(address) = text.parse() {
        return Ok(vec![address]);
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
    let port: u16 = port.parse().map_err(|_| refused())?;
    let found = (host, port).to_socket_addrs().map_err(|_| refused())?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(refused()) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos_and_bare_numbers_are_seconds() {
        let read = |text| duration(text).map(|d| d.as_millis());
        for (text, millis) in [
            ("0", 0),
            ("10", 10_000),
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("300ms", 300),
            ("1.5h", 5_400_000),
            ("24h", 86_400_000),
            ("1500us", 1),
        ] {
            assert_eq!(read(text), Ok(millis), "{text}");
        }
        for text in ["", "s", "10x", "-1s", "1.2.3s", "10s5", "9e99h", "99999999999h", "NaN", "."] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_alone_means_every_address_in_two_sockets() {
        let all = listen_addresses(":8000").unwrap();
        assert_eq!(
            all.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["[::]:8000", "0.0.0.0:8000"]
        );
        assert_eq!(listen_addresses("127.0.0.1:80/tcp").unwrap().len(), 1);
        assert_eq!(listen_addresses("[::1]:80").unwrap().len(), 1);
        for text in ["", ":", "8000", ":http", "127.0.0.1", ":70000", ":53/udp"] {
            assert!(listen_addresses(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_are_ranges_or_addresses() {
        assert_eq!(network("127.0.0.0/8").unwrap().to_string(), "127.0.0.0/8");
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert!(network("10.0.0.0/33").is_err());
        assert!(network("example.com").is_err());
    }
}
