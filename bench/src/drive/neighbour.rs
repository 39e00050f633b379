// SPDX-License-Identifier: Apache-2.0
//! A noisy neighbour: one tenant's 32 loops of RSA handshakes, and what another tenant's requests feel of it.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::ground::Ground;
use super::proxy::Proxy;
use super::report::{Goal, Line, Report, median};
use super::{Options, fixtures, load};

/// Measures every proxy.
pub(super) fn run(options: &Options, ground: &Ground, report: &mut Report) -> Result<()> {
    const NAME: &str = "neighbour";
    if !options.wants(NAME) {
        return Ok(());
    }
    let mut felt = [const { Vec::new() }; 3];
    for proxy in &ground.proxies {
        let mut rounds = [const { Vec::new() }; 3];
        for _ in 0..options.rounds() {
            for (values, value) in rounds.iter_mut().zip(once(options, proxy)?) {
                values.push(value);
            }
        }
        for (values, round) in felt.iter_mut().zip(&rounds) {
            values.push((proxy.name, median(round)));
        }
    }
    let [p50, p99, handshakes] = felt;
    report.add(Line::new("neighbour p50", "ms", Goal::AtMost(2.0), &p50));
    report.add(Line::new("neighbour p99", "ms", Goal::None, &p99));
    report.add(Line::new("neighbour flood", "handshakes/s", Goal::None, &handshakes));
    Ok(())
}

/// The bystander's p50 and p99 in milliseconds, and how many handshakes the flood made each second.
fn once(options: &Options, proxy: &Proxy) -> Result<[f64; 3]> {
    let bystander = options.round().as_millis();
    // The flood begins before the bystander counts and lasts beyond it.
    let flood = bystander + 2000;
    let milliseconds = flood.to_string();
    let more = ["--concurrent", "32", "--milliseconds", &milliseconds];
    let mut command = load::handshakes(proxy.websecure, fixtures::RSA, &more)?;
    let flooding = command.stdout(Stdio::piped()).spawn()?;
    thread::sleep(Duration::from_millis(500));
    let mut paced = load::own("paced")?;
    paced.arg(proxy.websecure.to_string()).args(["--name", fixtures::ECDSA]);
    let said = load::output(paced.args(["--milliseconds", &bystander.to_string()]))?;
    let flooded = String::from_utf8(flooding.wait_with_output()?.stdout)?;
    let made = load::field(&flooded, "done")? * 1000.0 / flood as f64;
    let millisecond = |name| load::field(&said, name).map(|value| value / 1000.0);
    Ok([millisecond("p50_us")?, millisecond("p99_us")?, made])
}
