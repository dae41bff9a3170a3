//! Chat log objects: the chat logs of rooms as the objects that arrive in S3.

use std::collections::BTreeMap;

use crate::api::handle::Handle;
use crate::service::chat_log::ChatLogDestination;
use crate::service::gzip;

impl Handle {
    /// Returns the objects that chat logging has put into an S3 bucket so far, by key: for a stub
    /// of S3, or for the code under test that imports them.
    ///
    /// An object is gzip, and has one JSON record per line, in the order in which the messages and
    /// events were sent. See [`Handle::chat_logs`] for the records as values.
    ///
    /// Documented: the keys, and that objects are gzip. Observed: one record per line. Assumed: the
    /// last line has a line feed, too.
    ///
    /// ```
    /// use mock_ivs_chat::{Clock, MockIvsChat};
    ///
    /// let ivs = MockIvsChat::builder().clock(Clock::frozen_at("2026-01-01T00:00:00Z")).start();
    /// let archive = ivs.new_logging_configuration("archive").s3("my-bucket").create();
    /// let room = ivs.new_room("lobby").logging_configuration(&archive).create();
    /// room.participant("alice").send_message("hello");
    /// let objects = ivs.chat_log_objects("my-bucket");
    /// let (key, bytes) = objects.first_key_value().unwrap();
    /// assert!(key.ends_with("_20260101T0000Z_00000000.log.gz"));
    /// assert!(bytes.starts_with(&[0x1f, 0x8b]));
    /// ```
    #[must_use]
    pub fn chat_log_objects(&self, bucket_name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::<String, String>::new();
        for record in self.chat_logs() {
            match record.destination {
                ChatLogDestination::S3 { bucket_name: own, key } if own == bucket_name => {
                    let object = objects.entry(key).or_default();
                    object.push_str(&record.text);
                    object.push('\n');
                }
                _ => {}
            }
        }
        objects.into_iter().map(|(key, text)| (key, gzip::stored(text.as_bytes()))).collect()
    }
}
