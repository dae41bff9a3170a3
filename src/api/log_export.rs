//! Exports of a log view, for other tools and for people.

use crate::api::log::Log;
use crate::log::export;
use crate::log::page::Page;

impl Log {
    /// Returns this view as a web page with a sequence diagram: a lane for each connection, an
    /// arrow for each frame that unfolds to the exact text, errors in color, and the lint findings.
    ///
    /// The page is one file without scripts, works offline, and supports light and dark mode. It
    /// shows the last 2,000 entries and the 40 busiest lanes. Rows can be filtered by user and kind,
    /// and the search of the browser finds frames by their text, also in rows that are folded.
    ///
    /// With the environment variable `MOCK_IVS_CHAT_LOG_DIR` each mock writes its page into that
    /// folder when its test fails, or always if `MOCK_IVS_CHAT_LOG` is `always`. The page starts
    /// with the failure, whose entries are links, and has the lanes first that the failure is about.
    /// A relative folder is in the workspace's `target` folder, whether it starts
    /// with `target/` or not.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").send_message("hello");
    /// let page = ivs.log().to_html("a first message");
    /// assert!(page.starts_with("<!doctype html>") && page.contains("<h1>a first message</h1>"));
    /// ```
    #[must_use]
    pub fn to_html(&self, title: &str) -> String {
        let (entries, findings) = (self.entries(), self.marked_findings());
        let (entries, findings) = (&*entries, &*findings);
        Page { title, failure: "", lanes: &[], entries, findings }.html()
    }

    /// Returns this view as a Mermaid sequence diagram, with an arrow for each frame, request and
    /// response.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// let room = ivs.create_room("lobby");
    /// let mark = ivs.log().mark();
    /// room.participant("alice").send_message("hello");
    /// assert_eq!(ivs.log().since(mark).to_mermaid(), r#"
    /// sequenceDiagram
    ///     participant ivs as IVS Chat
    ///     participant p1 as test
    ///     participant p2 as alice (lobby)
    ///     p1->>ivs: CreateChatToken
    ///     ivs-->>p1: 200
    ///     p2->>ivs: connects to lobby
    ///     p2->>ivs: SEND_MESSAGE 'hello'
    ///     ivs-->>p2: MESSAGE 'hello'
    ///     p2->>ivs: closes 1000
    /// "#.trim_start());
    /// ```
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        export::mermaid(&self.entries())
    }

    /// Returns this view as JSON Lines: an object for each entry, with its number, its time and the
    /// exact text of each frame, or the bytes in base64.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby");
    /// let lines = ivs.log().to_json_lines();
    /// let entry: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    /// assert_eq!((&entry["index"], &entry["kind"]), (&0.into(), &"request".into()));
    /// ```
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        export::json_lines(&self.entries())
    }

    /// Returns this view as a HAR file, version 1.2: an entry for each control plane request, and
    /// one for each connection, with its frames in `_webSocketMessages` as in browsers' developer
    /// tools.
    ///
    /// The host is always `localhost`, and waiting times are 0, because the log records neither.
    ///
    /// ```
    /// # use mock_ivs_chat::MockIvsChat;
    /// # let ivs = MockIvsChat::start();
    /// ivs.create_room("lobby").participant("alice").send_message("hello");
    /// let har: serde_json::Value = serde_json::from_str(&ivs.log().to_har()).unwrap();
    /// let messages = &har["log"]["entries"][2]["_webSocketMessages"];
    /// assert_eq!((&messages[0]["type"], &messages[1]["type"]), (&"send".into(), &"receive".into()));
    /// ```
    #[must_use]
    pub fn to_har(&self) -> String {
        export::har(&self.entries())
    }
}
