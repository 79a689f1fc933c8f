#![no_main]
//! [`rondel_fuzz::targets::attach_divided`] for libFuzzer.

libfuzzer_sys::fuzz_target!(|input: &[u8]| rondel_fuzz::targets::attach_divided::run(input));
