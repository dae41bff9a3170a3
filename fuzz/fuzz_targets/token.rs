//! Bytes as a chat token.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mock_ivs_chat_fuzz::token(bytes));
