// SPDX-License-Identifier: Apache-2.0
//! A replica within the test program: what reads, compiles and serves, put together here, so that its clock can be wrong
//! and its routes can refer to what no Ingress can name.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use postern_compile::Compiler;
use postern_model::{Object, Settings, Timestamp, World};
use postern_serve::Published;
use postern_source::{Access, Cluster, ClusterOptions};
use postern_tests::EdgeBuilder;
use postern_tests::edge::now;
use tokio::task::JoinHandle;

use crate::cluster::{PATIENCE, eventually};

/// A running replica, which writes nothing to the cluster.
pub(crate) struct Inside {
    edge: postern_serve::Edge,
    task: JoinHandle<()>,
}

/// How it differs from the real one.
pub(crate) struct Difference {
    /// By how many hours its clock is ahead.
    pub(crate) hours: i64,
    /// What it does to every object that it reads.
    pub(crate) rewrite: fn(&mut Object),
}

impl Inside {
    /// Starts one that reads these namespaces, and waits until it has read them.
    pub(crate) async fn start(kubeconfig: PathBuf, names: &[&str], by: Difference) -> Self {
        let namespaces = names.iter().map(|name| (*name).into()).collect();
        let settings = Settings { namespaces, ..Settings::default() };
        let options = ClusterOptions {
            access: Access { kubeconfig: Some(kubeconfig), ..Access::default() },
            settings: settings.clone(),
            ..ClusterOptions::default()
        };
        let cluster = Cluster::connect(&options).await.expect("the API server answers");
        let published = Arc::new(Published::default());
        let mut config = None;
        let _ = EdgeBuilder::new().config(|usual| config = Some(usual.clone()));
        let config = config.expect("it was just set");
        let task = tokio::spawn(run(cluster, settings, by, published.clone()));
        eventually("everything is read", PATIENCE, async || published.is_ready()).await;
        let edge = postern_serve::Edge::start(config, published).expect("there are free ports");
        Self { edge, task }
    }

    /// Where it answers in the clear.
    pub(crate) fn web(&self) -> SocketAddr {
        self.edge.addresses("web")[0]
    }

    /// Where it answers over TLS.
    pub(crate) fn websecure(&self) -> SocketAddr {
        self.edge.addresses("websecure")[0]
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mut cluster: Cluster, settings: Settings, by: Difference, published: Arc<Published>) {
    let (mut world, mut compiler) = (World::new(settings), Compiler::new());
    loop {
        let mut batch = cluster.next().await;
        for (_, object) in &mut batch.objects {
            object.as_mut().map(by.rewrite);
        }
        batch.apply(&mut world);
        world.tell_time(Timestamp(now().0 + 3600 * by.hours));
        let changes = world.take_changes();
        published.replace(compiler.recompile(&world, changes));
        world.record(compiler.report().claims.iter().cloned());
    }
}
