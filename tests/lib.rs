//! The documentation that needs the AWS SDK, compiled. The crate itself does not depend on the SDK.

#![cfg(doctest)]

#[doc = include_str!("../README.md")]
mod readme {}

#[doc = include_str!("../src/guide/other_languages.md")]
mod other_languages {}

#[cfg(feature = "aws-sdk")]
#[doc = include_str!("../src/api/sdk_http_client.md")]
mod sdk_http_client {}

#[cfg(feature = "aws-sdk")]
#[doc = include_str!("../src/api/sdk_fallback.md")]
mod sdk_fallback {}
