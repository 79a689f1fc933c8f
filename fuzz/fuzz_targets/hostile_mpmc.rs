#![no_main]
//! [`rondel_fuzz::targets::hostile_mpmc`] for libFuzzer.

libfuzzer_sys::fuzz_target!(|input: &[u8]| rondel_fuzz::targets::hostile_mpmc::run(input));
