// SPDX-License-Identifier: Apache-2.0
//! What every measurement stands on: the cluster with our kinds, two backends, and who signs certificates.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use super::api::Api;
use super::objects::PORT;
use crate::drive::certificates::Authority;

/// The folder of the definitions of our kinds, from the root of the repository.
const DEFINITIONS: &str = "deploy/charts/postern/crds";
/// The two backends: every address of 10.250.0.0/24 may be bound there.
pub(super) const BACKENDS: [Ipv4Addr; 2] =
    [Ipv4Addr::new(10, 250, 0, 2), Ipv4Addr::new(10, 250, 0, 3)];

/// See the module.
pub(super) struct Ground {
    pub(super) api: Api,
    pub(super) authority: Authority,
    state: PathBuf,
    backends: Vec<Child>,
}

impl Ground {
    /// Lays it.
    pub(super) async fn lay() -> Result<Self> {
        let state = env::var_os("CLUSTER_STATE").map(PathBuf::from);
        let state = state.context("`cargo xtask bench scale` runs this inside a cluster")?;
        let kubectl = Command::new("kubectl")
            .args(["apply", "--server-side", "--filename", DEFINITIONS])
            .stdout(Stdio::null())
            .status()
            .context("cannot start kubectl")?;
        ensure!(kubectl.success(), "the definitions in {DEFINITIONS} cannot be applied");
        let api = Api::connect(&state.join("kubeconfig")).await?;
        let authority = Authority::new()?;
        let mut ground = Self { api, authority, state, backends: Vec::new() };
        for address in BACKENDS {
            ground.backends.push(backend(address)?);
        }
        Ok(ground)
    }

    /// The folder of the cluster's data.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    /// Ends kube-apiserver and keeps it from coming back until [`Self::let_api_server`].
    pub(super) fn end_api_server(&self) -> Result<()> {
        fs::write(self.state.join("apiserver.hold"), "")?;
        let id = fs::read_to_string(self.state.join("apiserver.pid"))?;
        let killed = Command::new("kill").args(["-s", "KILL", id.trim()]).status()?;
        ensure!(killed.success(), "kube-apiserver cannot be ended");
        Ok(())
    }

    /// Lets kube-apiserver start again.
    pub(super) fn let_api_server(&self) -> Result<()> {
        Ok(fs::remove_file(self.state.join("apiserver.hold"))?)
    }

    /// Connects anew, if there is somebody.
    pub(super) async fn reconnect(&self) -> Result<Api> {
        Api::connect(&self.state.join("kubeconfig")).await
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for backend in &mut self.backends {
            let _ = backend.kill();
            let _ = backend.wait();
        }
    }
}

/// A backend whose answers carry its address.
fn backend(address: Ipv4Addr) -> Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("backend").arg(format!("--address={address}"));
    command.arg(format!("--port={PORT}")).arg(format!("--tag={address}"));
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("the backend has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    ensure!(!line.is_empty(), "the backend at {address} does not listen");
    Ok(child)
}
