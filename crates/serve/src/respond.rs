// SPDX-License-Identifier: Apache-2.0
//! The answers that Postern invents: one status, one short text, one counter each.  No text names a tenant or an object.

use http::StatusCode;

use crate::connection::Refusal;
use crate::metrics::Reason;

/// An answer of Postern's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200: `OPTIONS *` asks the server itself (RFC 9110, 9.3.7).
    Options,
    /// 400: not a request that two readers would read alike.
    BadRequest,
    /// 404: no tenant owns the host, or none of its routes matches.
    NotFound,
    /// 408: the client took too long to send its request.
    RequestTimeout,
    /// 414: the target is longer than any that is served.
    UriTooLong,
    /// 421: the host may not be asked for on this connection.
    Misdirected,
    /// 421, and the connection ends: it lost its ground.
    Revoked,
    /// 429: the tenant has as many requests in flight as it may have (the status of Traefik's `inFlightReq`).
    TooManyRequests,
    /// 429: the tenant has begun as many requests in this second as it may (that of Traefik's `rateLimit`).
    TooFast,
    /// 431: the head has too many fields or bytes.
    HeadTooLarge,
    /// 501: CONNECT.
    NotImplemented,
    /// 502: the backend cannot be reached, or answers what is no answer.
    BadGateway,
    /// 503: the route is closed, because something that it needs is missing.
    Closed,
    /// 503: the backend has no endpoint.
    NoEndpoint,
    /// 504: the backend took too long.
    GatewayTimeout,
    /// 508: the request has passed Postern too often.
    LoopDetected,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BadRequest => Self::BadRequest,
            Refusal::NotFound => Self::NotFound,
            Refusal::Misdirected => Self::Misdirected,
            Refusal::Revoked => Self::Revoked,
            Refusal::TooManyRequests => Self::TooManyRequests,
            Refusal::TooFast => Self::TooFast,
            Refusal::LoopDetected => Self::LoopDetected,
            Refusal::Closed => Self::Closed,
            Refusal::NoEndpoint => Self::NoEndpoint,
        }
    }
}

impl Answer {
    /// Its status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Options => StatusCode::OK,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::Misdirected | Self::Revoked => StatusCode::MISDIRECTED_REQUEST,
            Self::TooManyRequests | Self::TooFast => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Closed | Self::NoEndpoint => StatusCode::SERVICE_UNAVAILABLE,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::LoopDetected => StatusCode::LOOP_DETECTED,
        }
    }

    /// Its body, `text/plain`.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Options => "",
            Self::BadRequest => "400 bad request\n",
            Self::NotFound => "404 page not found\n",
            Self::RequestTimeout => "408 request timeout\n",
            Self::UriTooLong => "414 uri too long\n",
            Self::Misdirected | Self::Revoked => "421 misdirected request\n",
            Self::TooManyRequests | Self::TooFast => "429 too many requests\n",
            Self::HeadTooLarge => "431 request header fields too large\n",
            Self::NotImplemented => "501 not implemented\n",
            Self::BadGateway => "502 bad gateway\n",
            Self::Closed | Self::NoEndpoint => "503 service unavailable\n",
            Self::GatewayTimeout => "504 gateway timeout\n",
            Self::LoopDetected => "508 loop detected\n",
        }
    }

    /// By which counter it is counted.
    pub(crate) fn reason(self) -> Option<Reason> {
        Some(match self {
            Self::Options => return None,
            Self::BadRequest | Self::UriTooLong | Self::HeadTooLarge | Self::NotImplemented => {
                Reason::BadRequest
            }
            Self::TooManyRequests => Reason::TooManyRequests,
            Self::TooFast => Reason::RequestRate,
            Self::NotFound => Reason::NotFound,
            Self::RequestTimeout => Reason::ClientTimeout,
            Self::Misdirected => Reason::Misdirected,
            Self::Revoked => Reason::Revoked,
            Self::BadGateway => Reason::BadGateway,
            Self::Closed => Reason::Closed,
            Self::NoEndpoint => Reason::NoEndpoint,
            Self::GatewayTimeout => Reason::GatewayTimeout,
            Self::LoopDetected => Reason::LoopDetected,
        })
    }

    /// Whether the connection ends with it: after these, nobody knows where the next request begins, or whose it is.
    pub(crate) fn ends_connection(self) -> bool {
        match self {
            Self::BadRequest
            | Self::RequestTimeout
            | Self::UriTooLong
            | Self::Revoked
            | Self::HeadTooLarge
            | Self::NotImplemented => true,
            Self::Options
            | Self::NotFound
            | Self::Misdirected
            | Self::BadGateway
            | Self::Closed
            | Self::NoEndpoint
            | Self::GatewayTimeout
            | Self::TooManyRequests
            | Self::TooFast
            | Self::LoopDetected => false,
        }
    }

    /// In how many seconds it may be worth to ask again, where that is soon (`Retry-After`).
    pub(crate) fn retry_after(self) -> Option<&'static str> {
        matches!(self, Self::TooManyRequests | Self::TooFast).then_some("1")
    }
}
