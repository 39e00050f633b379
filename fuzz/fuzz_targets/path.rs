// SPDX-License-Identifier: Apache-2.0
//! Any bytes as a request path.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postern_fuzz::targets::path::run(input));
