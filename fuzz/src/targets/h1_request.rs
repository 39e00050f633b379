// SPDX-License-Identifier: Apache-2.0
//! Any bytes as what a client sends over HTTP/1.1.

/// What a backend would be sent is exactly the one request that was read, or nothing at all.
pub fn run(input: &[u8]) {
    postern_serve::fuzz::h1_request(input);
    // The same bytes as a backend's answer: no promise but that they are read to an end.
    postern_serve::fuzz::h1_response(input);
}
