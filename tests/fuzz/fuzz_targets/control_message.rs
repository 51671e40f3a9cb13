#![no_main]

#[path = "../../hostile/entries.rs"]
#[allow(dead_code, reason = "each target takes one of the entries")]
mod entries;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entries::control_message(bytes));
