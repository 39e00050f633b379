// SPDX-License-Identifier: Apache-2.0
//! Any bytes as what a client sends over HTTP/1.1.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postern_fuzz::targets::h1_request::run(input));
