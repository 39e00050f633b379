// SPDX-License-Identifier: Apache-2.0
//! Looks what new connections and new requests see.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{self, Offer};

/// See the module.
pub(super) struct Probe {
    connector: TlsConnector,
    web: SocketAddr,
    websecure: SocketAddr,
    /// So that no ports run out: each connection comes from the next address of loopback.
    from: Cell<u32>,
    /// A connection for plain requests, and room for an answer.
    open: RefCell<Option<TcpStream>>,
}

impl Probe {
    pub(super) fn new(web: SocketAddr, websecure: SocketAddr) -> Result<Self> {
        let connector = client::connector(Offer::default())?;
        Ok(Self { connector, web, websecure, from: Cell::new(0), open: RefCell::default() })
    }

    /// The certificate that a new connection gets.
    pub(super) async fn leaf(&self, host: &str) -> Result<Vec<u8>> {
        let from = self.from.get().wrapping_add(1);
        self.from.set(from);
        let stream = client::connect(&self.connector, self.websecure, host, from).await?;
        let chain = stream.get_ref().1.peer_certificates().context("no certificate")?;
        Ok(chain.first().context("no certificate")?.to_vec())
    }

    /// The backend that answers a new request: its tag.
    pub(super) async fn backend(&self, host: &str) -> Result<String> {
        if let Some(kept) = self.open.take()
            && let Ok(tag) = self.ask(kept, host).await
        {
            return Ok(tag);
        }
        // There was none, or it was idle for so long that it was closed.
        let fresh = TcpStream::connect(self.web).await?;
        fresh.set_nodelay(true)?;
        self.ask(fresh, host).await
    }

    async fn ask(&self, mut stream: TcpStream, host: &str) -> Result<String> {
        let mut answer = Vec::new();
        client::exchange(&mut stream, &client::request(host, "/s"), &mut answer).await?;
        self.open.replace(Some(stream));
        Ok(tag(&String::from_utf8_lossy(&answer)).context("no ETag")?.to_owned())
    }
}

fn tag(answer: &str) -> Option<&str> {
    answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("etag").then_some(value.trim().trim_matches('"'))
    })
}
