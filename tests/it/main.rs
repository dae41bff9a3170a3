//! The mock over real sockets, as its users see it.

mod support;
