// SPDX-License-Identifier: Apache-2.0
//! Runs the load generators and reads what they count.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// What a browser sends with every request, besides Host.
const HEADERS: [&str; 5] = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Cookie: session=0123456789abcdef",
];

/// Resolves every name to loopback: wrk takes SNI and Host from the URL.
const RESOLVE: &str = "local lookup = wrk.lookup
wrk.lookup = function(host, service) return lookup(\"127.0.0.1\", service) end
";

/// Connections that stay open: 32 over one thread.  Returns how many requests were answered with 200.
pub(super) fn wrk(folder: &Path, url: &str, round: Duration) -> Result<u64> {
    wrk_with(folder, url, RESOLVE, round)
}

/// The same, each request for another of these hosts.
pub(super) fn wrk_hosts(
    folder: &Path,
    to: SocketAddr,
    hosts: &[String],
    round: Duration,
) -> Result<u64> {
    let list: Vec<_> = hosts.iter().map(|host| format!("\"{host}\"")).collect();
    let head: String = HEADERS.iter().map(|header| format!("{header}\\r\\n")).collect();
    let script = format!(
        "{RESOLVE}
local hosts = {{{}}}
local requests = {{}}
for i, host in ipairs(hosts) do
  requests[i] = \"GET /s HTTP/1.1\\r\\nHost: \" .. host .. \"\\r\\n{head}\\r\\n\"
end
function request() return requests[math.random(#requests)] end
",
        list.join(",")
    );
    wrk_with(folder, &format!("http://{to}/s"), &script, round)
}

fn wrk_with(folder: &Path, url: &str, script: &str, round: Duration) -> Result<u64> {
    let file = folder.join("wrk.lua");
    fs::write(&file, script)?;
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c32", "-d"]).arg(format!("{}s", round.as_secs()));
    command.arg("-s").arg(&file);
    for header in HEADERS {
        command.args(["-H", header]);
    }
    let said = output(command.arg(url))?;
    for line in said.lines().map(str::trim) {
        if line.starts_with("Non-2xx") || line.starts_with("Socket errors") {
            bail!("wrk for {url}: {line}");
        }
    }
    number_before(&said, " requests in ")
}

/// HTTP/2 over TLS: 8 connections with 16 streams each.
pub(super) fn h2load(to: SocketAddr, name: &str, round: Duration) -> Result<u64> {
    let mut command = Command::new("h2load");
    command.args(["-c8", "-m16", "-D"]).arg(format!("{}s", round.as_secs()));
    command.arg(format!("--connect-to={to}"));
    for header in HEADERS {
        command.args(["-H", header]);
    }
    let said = output(command.arg(format!("https://{name}:{}/s", to.port())))?;
    let failed = number_before(&said, " failed, ")?;
    ensure!(said.contains("Application protocol: h2"), "h2load did not speak HTTP/2:\n{said}");
    ensure!(failed == 0, "h2load: {failed} requests failed:\n{said}");
    // With a duration, h2load counts what it finished: the last streams are cut off and count for nobody.
    number_before(&said, " 2xx, ")
}

/// Handshakes that are already going on while something else is measured.
pub(super) fn handshakes(to: SocketAddr, name: &str, more: &[&str]) -> Result<Command> {
    let mut command = own("hsclient")?;
    command.arg(to.to_string()).args(["--name", name]).args(more);
    Ok(command)
}

/// Full handshakes with one request each.
pub(super) fn hsclient(to: SocketAddr, name: &str, round: Duration) -> Result<u64> {
    let milliseconds = round.as_millis().to_string();
    let said = output(&mut handshakes(to, name, &["--milliseconds", &milliseconds])?)?;
    let failed = field(&said, "failed")?;
    ensure!(failed == 0.0, "hsclient: {said}");
    // A count is far below 2^52.
    Ok(field(&said, "done")? as u64)
}

/// One of the tools in this program.
pub(super) fn own(tool: &str) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(tool);
    Ok(command)
}

/// Runs a command to its end and returns what it printed.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let done = command.output().with_context(|| format!("cannot start {command:?}"))?;
    if !done.status.success() {
        bail!("{command:?}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// The number in `name=number`.
pub(super) fn field(said: &str, name: &str) -> Result<f64> {
    let value = said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Ok(value.with_context(|| format!("no `{name}` in: {said}"))?.parse()?)
}

fn number_before(said: &str, marker: &str) -> Result<u64> {
    let before = said.split_once(marker).map(|(before, _)| before);
    let word = before.and_then(|before| before.split_whitespace().next_back());
    Ok(word.with_context(|| format!("no `{}` in:\n{said}", marker.trim()))?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_the_generators_print() {
        let wrk = "  Latency 1.2us\n  145602 requests in 3.10s, 40.12MB read\n";
        assert_eq!(number_before(wrk, " requests in ").unwrap(), 145_602);
        let h2load = "requests: 10 total, 12 started, 10 done, 10 succeeded, 0 failed, 0 errored, 0 timeout\n\
                      status codes: 10 2xx, 0 3xx, 0 4xx, 0 5xx\n";
        assert_eq!(number_before(h2load, " failed, ").unwrap(), 0);
        assert_eq!(number_before(h2load, " 2xx, ").unwrap(), 10);
        assert!((field("requests=4 p50_us=120", "p50_us").unwrap() - 120.0).abs() < 1e-9);
        assert!(field("requests=4", "p50_us").is_err());
    }
}
