//! Check of [`MockIvsChatBuilder`]: settings that are invalid or contradict each other.

use std::net::{IpAddr, Ipv6Addr};

use crate::api::builder::MockIvsChatBuilder;
use crate::api::start::StartError;
use crate::log::retention::LogRetention;
use crate::service::Settings;

impl MockIvsChatBuilder {
    /// Refuses settings that are invalid or contradict each other.
    pub(super) fn check(&self) -> Result<(), StartError> {
        let Settings { region, account_id, .. } = &self.settings;
        let keeps_nothing =
            matches!(self.log_settings.retention, LogRetention::Off | LogRetention::Last(0));
        let is_region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let why = if self.listener.is_some() && self.port.is_some() {
            "`port` contradicts `listener`, which has a port already".into()
        } else if self.is_in_memory && self.listener.is_some() {
            "`listener` contradicts `in_memory`, which opens no port".into()
        } else if self.is_in_memory && self.port.is_some() {
            "`port` contradicts `in_memory`, which opens no port".into()
        } else if self.host_name.is_some() && !self.has_port() {
            "`host_name` contradicts `in_memory`, which opens no port".into()
        } else if keeps_nothing && !self.log_settings.denied.is_empty() {
            "`deny` contradicts `LogRetention::Off`: the lint reads the log".into()
        } else if account_id.len() != 12 || !account_id.bytes().all(|b| b.is_ascii_digit()) {
            format!("the account ID must have 12 digits, got {account_id:?}")
        } else if region.is_empty() || !region.chars().all(is_region) {
            format!("the region must consist of lower-case letters, digits and `-`, got {region:?}")
        } else if let Some(name) = self.host_name.as_deref().filter(|name| !is_host(name)) {
            format!(
                "`host_name` must be a name or an address, without scheme and port, got {name:?}"
            )
        } else {
            return Ok(());
        };
        Err(StartError::new(why, None))
    }

    const fn has_port(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls_port.is_some() {
            return true;
        }
        !self.is_in_memory
    }
}

/// Returns `true` for a name by RFC 1123, in which Docker also allows `_`, or an address.
fn is_host(text: &str) -> bool {
    let in_brackets = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = in_brackets {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=63).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(is_label))
}
