// SPDX-License-Identifier: Apache-2.0
//! The proxies that are measured, and how each is started with one worker on one core.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use super::process::Process;

/// How long a proxy may take until it serves.
const READY: Duration = Duration::from_secs(60);

/// A running proxy.
pub(super) struct Proxy {
    pub(super) name: &'static str,
    pub(super) process: Process,
    pub(super) web: SocketAddr,
    pub(super) websecure: SocketAddr,
    /// From its start until it was ready.
    pub(super) ready: Duration,
}

/// Ports of loopback that are free now.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Proxy {
    /// Starts nginx with a configuration file that names these ports.
    pub(super) fn nginx(configuration: &Path, ports: (u16, u16)) -> Result<Self> {
        let folder = configuration.parent().context("a file lies in a folder")?;
        let mut command = Command::new(nginx_program());
        command.arg("-p").arg(folder).arg("-c").arg(configuration);
        let (web, websecure) = (loopback(ports.0), loopback(ports.1));
        let log = folder.join("nginx.log");
        let answers = || TcpStream::connect(websecure).is_ok();
        Self::start("nginx", (&mut command, &log), (web, websecure), answers)
    }

    /// Starts `postern serve FOLDER`.
    pub(super) fn postern(program: &Path, folder: &Path, log: &Path) -> Result<Self> {
        let [web, websecure, admin] = free_ports()?.map(loopback);
        let mut command = Command::new(program);
        command.arg("serve").arg(folder).args(["--workers=1", "--egress.allow=127.0.0.0/8"]);
        command.arg(format!("--entryPoints.web.address={web}"));
        command.arg(format!("--entryPoints.websecure.address={websecure}"));
        command.arg(format!("--admin.address={admin}"));
        Self::start("postern", (&mut command, log), (web, websecure), || ping(admin))
    }

    fn start(
        name: &'static str,
        (command, log): (&mut Command, &Path),
        (web, websecure): (SocketAddr, SocketAddr),
        answers: impl Fn() -> bool,
    ) -> Result<Self> {
        let start = Instant::now();
        let mut process = Process::start(command, log)?;
        while !answers() {
            if !process.runs() || start.elapsed() > READY {
                let said = fs::read_to_string(log).unwrap_or_default();
                bail!("{name} does not serve; it said:\n{said}");
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(Self { name, process, web, websecure, ready: start.elapsed() })
    }
}

fn ping(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Where nginx lies; the folder for system programs is not on every user's PATH.
fn nginx_program() -> PathBuf {
    let system = PathBuf::from("/usr/sbin/nginx");
    if system.is_file() { system } else { PathBuf::from("nginx") }
}
