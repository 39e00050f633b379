// SPDX-License-Identifier: Apache-2.0
//! Any bytes as the first a client sends.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postern_fuzz::targets::client_hello::run(input));
