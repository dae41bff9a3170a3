//! Shared: the scripts and the mock in memory, which the tests of the crate use as well.

#![allow(dead_code, reason = "the tests of the crate use the rest")]

#[path = "../../tests/script/mod.rs"]
pub(crate) mod script;

#[path = "../../tests/it/claims"]
pub(crate) mod claims {
    pub(crate) mod controls;
    pub(crate) mod install;
    pub(crate) mod memory;
    #[path = "../../../conformance/src/signatures.rs"]
    pub(crate) mod signatures;
}
