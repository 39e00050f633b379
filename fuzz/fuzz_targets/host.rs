// SPDX-License-Identifier: Apache-2.0
//! Any bytes as a hostname or an authority.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postern_fuzz::targets::host::run(input));
