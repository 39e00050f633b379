// SPDX-License-Identifier: Apache-2.0
//! `postern run`

use std::path::PathBuf;

use postern_status::{Address, IngressEndpoint, Options, Status};

use super::serve::{Signals, drain_and, follow};
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::run::{Stage, control_runtime};
use crate::source::{Watched, connect};

/// Serves what the objects of a Kubernetes cluster declare, and follows their changes.
///
/// The API server is found by --kubeconfig, by the service account of the Pod, by $KUBECONFIG, by
/// providers.kubernetesIngress.endpoint, or by ~/.kube/config: the first of these that is there. Nothing listens before
/// everything is read; when the API server cannot be reached, it is waited for, and what is served stays.
///
/// SIGTERM or SIGINT stops it gracefully: nothing new is accepted, and open requests have graceTimeOut to end. A second
/// signal ends it at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The kubeconfig file.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig, if not its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Serves until it is told to stop.
pub(crate) fn run(arguments: Arguments, config: Config) -> anyhow::Result<Exit> {
    let runtime = control_runtime()?;
    let result = runtime.block_on(serve(arguments, config));
    // What still runs there answers nobody any more, and a thread that waits for a socket would hold the end up.
    runtime.shutdown_background();
    result.map(|()| Exit::Success)
}

async fn serve(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    // Before anything else: a signal during the start is a stop, too.
    let mut signals = Signals::new()?;
    let start = async {
        // Probes are answered while the API server is waited for.
        let stage = Stage::open(&config).await?;
        let mut options = config.cluster.options(config.settings.clone());
        options.access.kubeconfig = arguments.kubeconfig;
        options.access.context = arguments.context;
        let cluster = connect(&options, stage.log).await?;
        let client = cluster.client();
        let source = Watched::new(options, cluster, stage.state.clone(), stage.log);
        let status = status_options(&config, client.default_namespace());
        let (mut running, edge) = stage.serve(config, source).await?;
        // Not before this replica serves: one that is not ready has nothing to tell.
        running.reports_to(Status::start(client, status));
        anyhow::Ok((running, edge))
    };
    let (mut running, edge) = tokio::select! {
        started = start => started?,
        () = signals.next() => return Ok(()),
    };
    follow(&mut running, &mut signals).await;
    // The next leader need not wait until open requests have ended.
    let status = running.take_status();
    let farewell = async move {
        if let Some(status) = status {
            status.shutdown().await;
        }
    };
    drain_and(edge, &mut signals, farewell).await;
    running.log().info("stopped");
    Ok(())
}

/// How the cluster is told: in the name of this Pod, under a Lease in its namespace.
fn status_options(config: &Config, namespace: &str) -> Options {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let identity = variable("POD_NAME").unwrap_or_else(|| {
        // Outside of a Pod: two on one machine are two replicas.
        let host = rustix::system::uname();
        format!("{}_{}", host.nodename().to_string_lossy(), std::process::id())
    });
    let namespace = variable("POD_NAMESPACE").unwrap_or_else(|| namespace.to_owned());
    let config::IngressEndpoint { ip, hostname, published_service } =
        config.cluster.ingress_endpoint.clone();
    let endpoint = match published_service {
        _ if config.cluster.report_node_internal_ips => IngressEndpoint::Nodes,
        Some((namespace, name)) => IngressEndpoint::Service { namespace, name },
        None if ip.is_none() && hostname.is_none() => IngressEndpoint::Nothing,
        None => IngressEndpoint::Address(Address { ip: ip.map(|ip| ip.to_string()), hostname }),
    };
    let namespaces = config.settings.namespaces.iter().map(ToString::to_string).collect();
    Options { namespaces, endpoint, ..Options::new(identity, namespace) }
}
