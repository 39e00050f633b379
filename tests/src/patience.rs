// SPDX-License-Identifier: Apache-2.0
//! Waiting for a condition without guessing how long it takes.

use std::future::Future;
use std::time::Duration;

/// How long a test waits for what must happen before it fails.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// How long a test watches for what must not happen.
pub const WATCH: Duration = Duration::from_millis(150);

/// The pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(2);

/// Runs `work`, and fails the test when it takes longer than [`DEADLINE`].
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing within {DEADLINE:?}"),
    }
}

/// Looks again and again until `look` finds something; fails the test after [`DEADLINE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    within(what, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
    .await
}
