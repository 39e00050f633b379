// SPDX-License-Identifier: Apache-2.0
//! A client's memory of TLS sessions that offers every ticket to every name: what an attacker's client does.

use std::sync::Arc;

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

/// Offers tickets regardless of the name that they came under.
#[derive(Debug)]
pub struct AnyName(ClientSessionMemoryCache);

impl AnyName {
    /// An empty memory.
    pub fn store() -> Arc<dyn ClientSessionStore> {
        Arc::new(Self(ClientSessionMemoryCache::new(64)))
    }
}

fn one_name() -> ServerName<'static> {
    ServerName::try_from("any.invalid").expect("a DNS name")
}

impl ClientSessionStore for AnyName {
    fn set_kx_hint(&self, _server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(one_name(), group);
    }

    fn kx_hint(&self, _server_name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(&one_name())
    }

    fn set_tls12_session(&self, _server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(one_name(), value);
    }

    fn tls12_session(&self, _server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&one_name())
    }

    fn remove_tls12_session(&self, _server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(&one_name());
    }

    fn insert_tls13_ticket(
        &self,
        _server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.0.insert_tls13_ticket(one_name(), value);
    }

    fn take_tls13_ticket(
        &self,
        _server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&one_name())
    }
}
