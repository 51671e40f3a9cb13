#![no_main]

#[path = "../../hostile/entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entries::take("take_json", bytes));
