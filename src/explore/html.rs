//! Page: an exploration as HTML.

use crate::explore::exploration::Exploration;
use crate::explore::report;

/// Writes the page.
pub(crate) fn page(exploration: &Exploration) -> String {
    format!("<pre>{}</pre>", report::text(exploration, false))
}
