//! Bytes as the body of an operation.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mock_ivs_chat_fuzz::http(bytes));
