// SPDX-License-Identifier: Apache-2.0
//! Why a request got no answer: by the client's fault (408, 400), the backend's (502, 504), or a connection's.

use std::sync::Arc;

use crate::dial::DialError;
use crate::metrics::Upstream;
use crate::resolve_name::NameError;
use crate::respond::Answer;

/// Why a request got no answer from its backend.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    /// No connection.
    #[error("the endpoint cannot be reached")]
    Dial(#[source] Arc<DialError>),
    /// The backend's name leads nowhere.
    #[error("the backend has no address")]
    Name(#[source] Arc<NameError>),
    /// The connection broke, or what came over it is no answer.
    #[error("the endpoint did not answer as HTTP/2 demands")]
    Http2(#[source] Arc<hyper::Error>),
    /// The connection broke, or what came over it is no answer.
    #[error("the endpoint did not answer as HTTP/1.1 demands")]
    Http1(#[source] Arc<std::io::Error>),
    /// The connection was closed before the request could be sent on it.
    #[error("the connection was closed before the request was sent")]
    ConnectionLost,
    /// The request's body broke off, or is not what its head declared.
    #[error("the client broke off the request")]
    Client,
    /// The request's body stood still for longer than `readTimeout`.
    #[error("the client took too long to send the request")]
    ClientTimedOut,
    /// No head of an answer within `responseHeaderTimeout`.
    #[error("the answer did not begin within the response header timeout")]
    TimedOut,
}

impl ForwardError {
    /// By which counter it is counted.
    pub(crate) fn event(&self) -> Upstream {
        match self {
            Self::TimedOut => Upstream::TimedOut,
            Self::Dial(_) | Self::Name(_) => Upstream::ConnectFailed,
            _ => Upstream::Broken,
        }
    }

    /// What the client is told.
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Client => Answer::BadRequest,
            Self::ClientTimedOut => Answer::RequestTimeout,
            Self::TimedOut => Answer::GatewayTimeout,
            Self::Name(error) => error.answer(),
            Self::Dial(error) => match **error {
                DialError::TimedOut { .. } => Answer::GatewayTimeout,
                _ => Answer::BadGateway,
            },
            Self::Http2(_) | Self::Http1(_) | Self::ConnectionLost => Answer::BadGateway,
        }
    }
}

impl From<hyper::Error> for ForwardError {
    fn from(error: hyper::Error) -> Self {
        Self::Http2(Arc::new(error))
    }
}

impl From<NameError> for ForwardError {
    fn from(error: NameError) -> Self {
        Self::Name(Arc::new(error))
    }
}

impl From<DialError> for ForwardError {
    fn from(error: DialError) -> Self {
        Self::Dial(Arc::new(error))
    }
}
