//! The log: everything that crossed the wire, in the one order of the mock.

pub(crate) mod entry;
pub(crate) mod labels;
pub(crate) mod record;
pub(crate) mod transcript;
pub(crate) mod view;
