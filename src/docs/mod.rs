//! Pages about topics that concern more than one item.

#[doc = include_str!("snapshots.md")]
pub mod snapshots {}
