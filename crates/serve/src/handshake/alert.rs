// SPDX-License-Identifier: Apache-2.0
//! The one alert that rustls does not send for us.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A record of type alert, version TLS 1.2, two bytes: fatal, `unrecognized_name` (RFC 6066, 3; RFC 8446, 6.2).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Tells a client that was sent nothing yet, so that nothing is encrypted yet, that its name is not served here.
pub(super) async fn unrecognized_name(stream: &mut TcpStream) {
    // To a client that is gone already there is nothing to say.
    if stream.write_all(&UNRECOGNIZED_NAME).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}
