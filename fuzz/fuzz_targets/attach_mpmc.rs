#![no_main]
//! [`rondel_fuzz::targets::attach_mpmc`] for libFuzzer.

libfuzzer_sys::fuzz_target!(|input: &[u8]| rondel_fuzz::targets::attach_mpmc::run(input));
