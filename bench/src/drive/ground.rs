// SPDX-License-Identifier: Apache-2.0
//! What every scenario stands on: a temporary folder, the backend, certificates, and both proxies up at once.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};

use super::certificates::{Authority, Key};
use super::proxy::{Proxy, free_ports};
use super::{Options, fixtures};

/// See the module.
pub(super) struct Ground {
    pub(super) folder: PathBuf,
    pub(super) authority: Authority,
    /// The backend's port.
    pub(super) backend: u16,
    /// nginx, then Postern, as far as they are there.
    pub(super) proxies: Vec<Proxy>,
    backend_process: Child,
    keep: bool,
}

impl Ground {
    /// Lays it.
    pub(super) fn lay(options: &Options) -> Result<Self> {
        let folder = env::temp_dir().join(format!("postern-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let (backend_process, backend) = start_backend()?;
        let authority = Authority::new()?;
        let proxies = Vec::new();
        let keep = options.keep;
        let mut ground = Self { folder, authority, backend, proxies, backend_process, keep };
        let identities = [
            ground.authority.issue(fixtures::ECDSA, Key::Ecdsa)?,
            ground.authority.issue(fixtures::RSA, Key::Rsa)?,
        ];
        for (name, identity) in [fixtures::ECDSA, fixtures::RSA].iter().zip(&identities) {
            fs::write(ground.folder.join(format!("{name}.crt")), &identity.chain)?;
            fs::write(ground.folder.join(format!("{name}.key")), &identity.key)?;
        }
        fixtures::small(&ground.folder.join("small"), &identities, backend)?;
        ground.start_nginx()?;
        ground.start_postern(options)?;
        Ok(ground)
    }

    fn start_nginx(&mut self) -> Result<()> {
        let [web, websecure] = free_ports()?;
        let configuration = self.folder.join("nginx.conf");
        let text = fixtures::nginx(&self.folder, (web, websecure), self.backend);
        fs::write(&configuration, text)?;
        match Proxy::nginx(&configuration, (web, websecure)) {
            Ok(nginx) => self.proxies.push(nginx),
            Err(error) => println!("skipped  nginx: {error:#}"),
        }
        Ok(())
    }

    fn start_postern(&mut self, options: &Options) -> Result<()> {
        if let Some(program) = &options.postern {
            let (small, log) = (self.folder.join("small"), self.folder.join("postern.log"));
            self.proxies.push(Proxy::postern(program, &small, &log)?);
        }
        Ok(())
    }

    /// The Postern with two hosts.
    pub(super) fn postern(&self) -> Option<&Proxy> {
        self.proxies.iter().find(|proxy| proxy.name == "postern")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.proxies.clear();
        let _ = self.backend_process.kill();
        let _ = self.backend_process.wait();
        if self.keep {
            println!("kept: {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn start_backend() -> Result<(Child, u16)> {
    let mut child =
        Command::new(env::current_exe()?).arg("backend").stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("the backend has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let port = line.trim().parse().context("the backend did not print its port")?;
    Ok((child, port))
}
