#![no_main]
//! [`rondel_fuzz::targets::model_bytes`] for libFuzzer.

libfuzzer_sys::fuzz_target!(|input: &[u8]| rondel_fuzz::targets::model_bytes::run(input));
