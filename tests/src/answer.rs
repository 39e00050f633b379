// SPDX-License-Identifier: Apache-2.0
//! An answer as a client sees it.

use serde_json::Value;

/// An answer as a client sees it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers, names in lower case.
    pub trailers: Vec<(String, String)>,
    /// SHA-256 of the leaf that the connection showed; empty on a clear connection.
    pub fingerprint: String,
}

impl Answer {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The name of the echo backend that answered; nothing if Postern itself did.
    pub fn backend(&self) -> Option<String> {
        Some(self.echo()?["backend"].as_str()?.to_owned())
    }

    /// What the echo backend received, by its own account.
    pub fn echo(&self) -> Option<Value> {
        self.header("x-echo")?;
        serde_json::from_slice(&self.body).ok()
    }

    /// The values of a header field that the echo backend received.
    pub fn echoed(&self, name: &str) -> Vec<String> {
        let echo = self.echo().unwrap_or_default();
        let fields = echo["headers"].as_array().cloned().unwrap_or_default();
        fields
            .iter()
            .filter(|field| field[0].as_str() == Some(name))
            .filter_map(|field| Some(field[1].as_str()?.to_owned()))
            .collect()
    }

    /// Fails the test unless the status is this one; gives the answer back.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Fails the test unless the backend of that name answered with 200.
    #[track_caller]
    pub fn from_backend(self, name: &str) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(self.backend().as_deref(), Some(name), "{}", self.text());
        self
    }
}
