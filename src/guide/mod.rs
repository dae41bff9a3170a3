//! Guide: pages about topics that concern more than one item.
//!
//! | Page | Read it to |
//! |---|---|
//! | [`faults`] | make something go wrong: the table of faults, hooks, gates, closures |
//! | [`waiting`] | wait for something, assert that nothing happened, read a failure, end a test |
//! | [`time`] | expire tokens and sessions, choose a clock, pause tokio's clock |
//! | [`snapshots`] | take snapshots of the transcript or of entries as data |
//! | [`explore`] | inject every fault at every point of a test |
//! | [`quotas`] | meet, change or lift the quotas of the service |
//! | [`reviews`] | review messages with a closure or with the code of a Lambda function |
//! | [`fidelity`] | know what is supported, what is assumed, and which limits the mock adds |
//! | [`other_languages`] | use the mock with an AWS SDK, and from programs in other languages |
//! | [`architecture`] | understand or change the crate itself |

#[doc = include_str!("faults.md")]
pub mod faults {}

#[doc = include_str!("waiting.md")]
pub mod waiting {}

#[doc = include_str!("time.md")]
pub mod time {}

#[doc = include_str!("snapshots.md")]
pub mod snapshots {}

#[doc = include_str!("explore.md")]
pub mod explore {}

#[doc = include_str!("quotas.md")]
pub mod quotas {}

#[doc = include_str!("reviews.md")]
pub mod reviews {}

#[doc = include_str!("fidelity.md")]
pub mod fidelity {}

// Its code needs the AWS SDK, which this package does not depend on. Another one tests it.
#[cfg_attr(not(doctest), doc = include_str!("other_languages.md"))]
pub mod other_languages {}

#[doc = include_str!("architecture.md")]
pub mod architecture {}
