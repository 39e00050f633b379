// SPDX-License-Identifier: Apache-2.0
//! A way to the API server that can be cut: what a replica sees of a network that is torn.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::cluster::Cluster;

/// The cable; cut or not.
pub(crate) struct Cable {
    whole: Arc<watch::Sender<bool>>,
    kubeconfig: PathBuf,
}

impl Cable {
    /// A whole one.
    pub(crate) async fn lay(cluster: &Cluster, name: &str) -> Self {
        let text = fs::read_to_string(cluster.kubeconfig()).expect("there is a kubeconfig");
        let (_, after) = text.split_once("server: \"https://").expect("a server");
        let server = after.split('"').next().expect("the string ends").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let here = listener.local_addr().expect("it is bound");
        let (host, _) = server.split_once(':').expect("an address and a port");
        // The certificate is for the address behind the cable.
        let far = format!("https://{server}\"");
        let near = format!("https://{here}\", tls-server-name: \"{host}\"");
        let kubeconfig = cluster.state().join(format!("{name}.kubeconfig"));
        fs::write(&kubeconfig, text.replace(&far, &near)).expect("the state can be written to");
        let whole = Arc::new(watch::Sender::new(true));
        let state = whole.subscribe();
        let to: SocketAddr = server.parse().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if *state.borrow() {
                    tokio::spawn(carry(stream, to, state.clone()));
                }
            }
        });
        Self { whole, kubeconfig }
    }

    /// The kubeconfig that leads through it.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.kubeconfig.clone()
    }

    /// Ends every connection and lets no new one through.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut near: TcpStream, to: SocketAddr, mut state: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(to).await else { return };
    tokio::select! {
        // However it ended, it ended.
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = state.wait_for(|whole| !whole) => {}
    }
}
