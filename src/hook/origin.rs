//! Origin: which hook of a test something comes from, as the log and failures name it.

use std::panic::Location;
use std::sync::Arc;

/// The name of a hook, the calls that installed it, and where the test has them.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct HookOrigin {
    pub(crate) name: Arc<str>,
    /// Whether the name is that of the test.
    pub(crate) is_named: bool,
    /// The hook as the calls that installed it.
    pub(crate) description: String,
    pub(crate) written_at: &'static Location<'static>,
}

impl HookOrigin {
    /// The hook as a failure names it: `hook "deny"`, or `hook 1` if the test gave no name.
    pub(crate) fn title(&self) -> String {
        if self.is_named { format!("hook {:?}", self.name) } else { self.name.to_string() }
    }

    /// Returns the calls that installed the hook, and where the test has them.
    pub(crate) fn lines(&self) -> [String; 2] {
        [self.description.clone(), format!("at {}", self.written_at)]
    }
}
