// SPDX-License-Identifier: Apache-2.0
//! One call of the Kubernetes API: it has a deadline, and its failure says what to do next.

use std::future::Future;
use std::time::Duration;

/// How long a call may take.  A leader that cannot renew its lease stops writing this long before the lease ends, so
/// that no write of an old leader meets the next one.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// HTTP 409: somebody else was quicker.
    #[error("the object has changed meanwhile")]
    Conflict,
    /// HTTP 409, `AlreadyExists`.
    #[error("an object of that name exists already")]
    Exists,
    /// HTTP 404.
    #[error("the object does not exist")]
    Missing,
    /// HTTP 403.
    #[error("access is not granted: {message}")]
    Forbidden {
        /// In the API server's words.
        message: String,
    },
    /// HTTP 400 or 422.
    #[error("the API server refuses the object: {message}")]
    Invalid {
        /// In the API server's words.
        message: String,
    },
    /// The deadline.
    #[error("the API server did not answer in time")]
    Late,
    /// Everything else.
    #[error("the API server cannot be reached")]
    Unavailable {
        /// What the client says.
        #[source]
        source: Box<kube::Error>,
    },
}

impl CallError {
    /// The word for it in metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Conflict | Self::Exists => "conflict",
            Self::Missing => "missing",
            Self::Forbidden { .. } => "forbidden",
            Self::Invalid { .. } => "invalid",
            Self::Late | Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// Waits for an answer until the deadline.
pub(crate) async fn call<T>(answer: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(answer) => answer.map_err(sort),
        Err(_) => Err(CallError::Late),
    }
}

/// What an error of the client means.
pub(crate) fn sort(error: kube::Error) -> CallError {
    let kube::Error::Api(status) = &error else {
        return CallError::Unavailable { source: Box::new(error) };
    };
    let message = status.message.clone();
    match status.code {
        409 if status.reason == "AlreadyExists" => CallError::Exists,
        409 => CallError::Conflict,
        404 | 410 => CallError::Missing,
        401 | 403 => CallError::Forbidden { message },
        400 | 422 => CallError::Invalid { message },
        _ => CallError::Unavailable { source: Box::new(error) },
    }
}

/// How long to wait after that many failures: twice as long each time, and never all at one moment.
pub(crate) fn pause(failures: u32) -> Duration {
    let whole = Duration::from_millis(500).saturating_mul(1 << failures.min(10));
    jittered(whole.min(LONGEST_PAUSE))
}

/// A time between three quarters and five quarters of this one.
pub(crate) fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for failures in 0..100 {
            let pause = pause(failures);
            assert!(pause >= Duration::from_millis(375) && pause <= LONGEST_PAUSE.mul_f64(1.25));
        }
        assert!(pause(20) > pause(1));
    }

    #[test]
    fn an_answer_of_the_api_server_says_what_to_do() {
        let answer = |code: u16, reason: &str| {
            let status = kube::core::Status::failure("no", reason).with_code(code);
            sort(kube::Error::Api(Box::new(status))).word()
        };
        assert_eq!(answer(409, "AlreadyExists"), "conflict");
        assert_eq!(answer(404, "NotFound"), "missing");
        assert_eq!(answer(403, "Forbidden"), "forbidden");
        assert_eq!(answer(422, "Invalid"), "invalid");
        assert_eq!(answer(500, "InternalError"), "unavailable");
    }
}
