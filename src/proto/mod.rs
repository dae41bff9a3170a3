//! The vocabulary of the wire as plain values, and the conversions from and to text.

pub(crate) mod action;
pub(crate) mod attributes;
pub(crate) mod capability;
pub(crate) mod close;
pub(crate) mod error_code;
pub(crate) mod exception;
pub(crate) mod frame;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod members;
pub(crate) mod model;
#[cfg(test)]
mod model_tests;
pub(crate) mod operation;
pub(crate) mod payload;
pub(crate) mod percent;
pub(crate) mod publish;
pub(crate) mod request;
pub(crate) mod sensitive;
#[cfg(feature = "sigv4")]
pub(crate) mod signature;
#[cfg(all(test, feature = "sigv4"))]
mod signature_tests;
pub(crate) mod spelling;
pub(crate) mod string_pattern;
pub(crate) mod timestamp;
pub(crate) mod wire_frame;
