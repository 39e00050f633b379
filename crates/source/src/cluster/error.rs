// SPDX-License-Identifier: Apache-2.0
//! Why a cluster cannot be read from the start, and why one request to it did not do what it should.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{InClusterError, KubeconfigError};

/// Why a cluster cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Nothing says where the API server is.
    #[error("there is no cluster to read: no kubeconfig, no service account and no endpoint")]
    NoAccess,
    /// The kubeconfig cannot be read or used.
    #[error("the kubeconfig {} cannot be used", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KubeconfigError,
    },
    /// The Pod's service account cannot be used.
    #[error("the service account of the Pod cannot be used")]
    ServiceAccount(#[source] InClusterError),
    /// The endpoint is not a URL.
    #[error("the endpoint {endpoint} is not a URL")]
    NotAUrl {
        /// What was configured.
        endpoint: String,
    },
    /// What belongs to the endpoint (token, certificates) cannot be used.
    #[error("the endpoint {endpoint} cannot be used")]
    Endpoint {
        /// What was configured.
        endpoint: String,
        /// Why.
        #[source]
        source: KubeconfigError,
    },
    /// No client can be made of what was configured.
    #[error("the access to the API server cannot be set up")]
    Client(#[source] kube::Error),
    /// The API server does not answer.
    #[error("the API server {address} cannot be reached")]
    Unreachable {
        /// Its URL.
        address: String,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// The API server does not know who is asking.
    #[error("the API server {address} does not accept the credentials")]
    Unauthorized {
        /// Its URL.
        address: String,
    },
    /// The API server lets nobody with these credentials read Ingresses.
    #[error("the API server {address} does not allow to list Ingresses of all namespaces")]
    Forbidden {
        /// Its URL.
        address: String,
    },
}

/// Why one request did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no connection, or it broke.
    #[error("the connection failed")]
    Connection(#[source] kube::Error),
    /// Nothing came for too long.
    #[error("nothing came for {} s", .0.as_secs())]
    Silent(Duration),
    /// 401
    #[error("the credentials are not accepted")]
    Unauthorized,
    /// 403
    #[error("the access is not granted")]
    Forbidden,
    /// 404
    #[error("there is no such thing")]
    NotFound,
    /// 410: the place in history from which to go on is forgotten.
    #[error("the resource version is too old")]
    Expired,
    /// 429, 503 and the like.
    #[error("the API server answers {code}")]
    Status {
        /// The status.
        code: u16,
        /// When it is to be asked again (`Retry-After`).
        after: Option<Duration>,
    },
    /// What came is larger than anything that can be meant.
    #[error("the answer is too large")]
    TooLarge,
    /// What came is not what the API promises.
    #[error("the answer cannot be understood")]
    Unreadable,
    /// The list is older than what is known: it may come from a server that lags behind, or from a restored backup.
    #[error("the list is older than what is known already")]
    Outdated,
    /// Nobody listens any more.
    #[error("stopped")]
    Stopped,
}

impl RequestError {
    pub(super) fn from_code(code: u16, after: Option<Duration>) -> Self {
        match code {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            410 => Self::Expired,
            _ => Self::Status { code, after },
        }
    }
}
