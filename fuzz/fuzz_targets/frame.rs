//! Bytes behind a handshake.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mock_ivs_chat_fuzz::frame(bytes));
