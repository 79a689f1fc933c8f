#![no_main]
//! [`rondel_fuzz::targets::protocol_bytes`] for libFuzzer.

libfuzzer_sys::fuzz_target!(|input: &[u8]| rondel_fuzz::targets::protocol_bytes::run(input));
