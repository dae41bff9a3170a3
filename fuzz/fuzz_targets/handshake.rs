//! Bytes of a connection from its first one on.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mock_ivs_chat_fuzz::handshake(bytes));
