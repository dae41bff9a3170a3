//! Environment: the variables that set how a mock behaves, and their check at the start of a mock.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use crate::api::start::StartError;
use crate::proto::spelling;

/// The wait timeout, in milliseconds.
const WAIT_TIMEOUT: &str = "MOCK_IVS_CHAT_WAIT_TIMEOUT_MS";
/// The folder for the pages of tests.
pub(crate) const LOG_DIR: &str = "MOCK_IVS_CHAT_LOG_DIR";
/// Which tests write a page.
const LOG: &str = "MOCK_IVS_CHAT_LOG";
/// Whether the mock prints nothing beside a panic of the test.
const QUIET: &str = "MOCK_IVS_CHAT_QUIET";

/// All variables that are read, also that of the explorer. Those that a mock only sets for others,
/// such as `MOCK_IVS_CHAT_WS_URL`, may have any neighbors.
const KNOWN: [&str; 5] = [LOG, LOG_DIR, QUIET, WAIT_TIMEOUT, "MOCK_IVS_CHAT_EXPLORE"];

const PREFIX: &str = "MOCK_IVS_CHAT_";

/// The former name of `WAIT_TIMEOUT`, which is too different to be recognized as misspelled.
const FORMER_WAIT_TIMEOUT: &str = "MOCK_IVS_CHAT_WAIT_LIMIT_MS";

/// Fails if a variable has a value without a meaning, or a misspelled name.
pub(crate) fn check() -> Result<(), StartError> {
    check_in(&|name| env::var_os(name), env::vars_os().map(|(name, _)| name))
}

fn check_in(
    get: &dyn Fn(&str) -> Option<OsString>,
    names: impl Iterator<Item = OsString>,
) -> Result<(), StartError> {
    let get = |name: &str| get(name).filter(|value| !value.is_empty());
    if let Some(value) = get(LOG) {
        if value != "always" {
            return refuse(LOG, "`always`", &value);
        }
        if get(LOG_DIR).is_none() {
            let message = format!("{LOG} has no effect without {LOG_DIR}, the folder for pages");
            return Err(StartError::new(message, None));
        }
    }
    if let Some(value) = get(QUIET).filter(|value| switch(value).is_none()) {
        return refuse(QUIET, "1 or 0", &value);
    }
    for name in names {
        let Some(name) = name.to_str() else { continue };
        if let Some(meant) = misspelled(name) {
            let message = format!("{name} is not a variable of the mock: did you mean {meant}?");
            return Err(StartError::new(message, None));
        }
    }
    Ok(())
}

fn refuse<T>(name: &str, expected: &str, value: &OsStr) -> Result<T, StartError> {
    Err(StartError::new(format!("{name} must be {expected}, got {value:?}"), None))
}

/// Returns the variable that is probably meant by a name that is unknown.
///
/// Other names with the prefix are not refused: systems such as Kubernetes set variables after the
/// name of a service, for example `MOCK_IVS_CHAT_PORT`.
fn misspelled(name: &str) -> Option<&'static str> {
    if name == FORMER_WAIT_TIMEOUT {
        return Some(WAIT_TIMEOUT);
    }
    let upper = name.to_ascii_uppercase();
    let suffix = upper.strip_prefix(PREFIX)?;
    if KNOWN.contains(&name) {
        return None;
    }
    KNOWN.into_iter().find(|known| {
        let known = &known[PREFIX.len()..];
        let is_start = suffix.len() >= SHORTEST_START && known.starts_with(suffix);
        is_start || spelling::is_near(suffix, known)
    })
}

/// The length from which the start of a name is recognized.
const SHORTEST_START: usize = 4;

fn switch(value: &OsStr) -> Option<bool> {
    match value.to_str()? {
        "" | "0" | "false" => Some(false),
        "1" | "true" => Some(true),
        _ => None,
    }
}

/// Returns how long waits wait by default: what the environment says, or else 5 s.
pub(crate) fn wait_timeout() -> Result<Duration, StartError> {
    let Some(text) = env::var_os(WAIT_TIMEOUT).filter(|text| !text.is_empty()) else {
        return Ok(Duration::from_secs(5));
    };
    match text.to_str().and_then(|text| text.trim().parse().ok()) {
        Some(0) | None => refuse(WAIT_TIMEOUT, "a number of milliseconds, at least 1", &text),
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
    }
}

/// Returns the folder for the pages of tests.
pub(crate) fn log_dir() -> Option<PathBuf> {
    env::var_os(LOG_DIR).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// Returns `true` if tests that succeed write a page, too.
pub(crate) fn logs_always() -> bool {
    env::var_os(LOG).is_some_and(|when| when == "always")
}

/// Returns `true` if the mock should print nothing beside a panic of the test.
pub(crate) fn is_quiet() -> bool {
    env::var_os(QUIET).is_some_and(|value| switch(&value) == Some(true))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn check_of(variables: &[(&str, &str)]) -> String {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let names = variables.iter().map(|(name, _)| OsString::from(name));
        check_in(&get, names).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[rstest]
    #[case(&[(LOG, "all")], "MOCK_IVS_CHAT_LOG must be `always`, got \"all\"")]
    #[case(&[(LOG, "always"), (LOG_DIR, "logs")], "")]
    #[case(
        &[(LOG, "always")],
        "MOCK_IVS_CHAT_LOG has no effect without MOCK_IVS_CHAT_LOG_DIR, the folder for pages"
    )]
    #[case(&[(LOG, ""), (QUIET, ""), (WAIT_TIMEOUT, "")], "")]
    #[case(&[(QUIET, "no")], "MOCK_IVS_CHAT_QUIET must be 1 or 0, got \"no\"")]
    #[case(&[(QUIET, "1")], "")]
    #[case(&[(QUIET, "0")], "")]
    #[case(&[("MOCK_IVS_CHAT_PORT", "1"), ("MOCK_IVS_CHAT_SERVICE_HOST", "10.0.0.1")], "")]
    #[case(&[("MOCK_IVS_CHAT_URL", "x"), ("QUIET", "x"), ("mock", "x")], "")]
    #[case(&[("MOCK_IVS_CHAT_WS_URL", "x"), ("MOCK_IVS_CHAT_WSS_URL", "x")], "")]
    fn variables_have_values_with_a_meaning(
        #[case] variables: &[(&str, &str)],
        #[case] expected: &str,
    ) {
        assert_eq!(check_of(variables), expected);
    }

    #[rstest]
    #[case("MOCK_IVS_CHAT_WAIT_TIMEOUT", WAIT_TIMEOUT)]
    #[case("MOCK_IVS_CHAT_WAIT_TIMEOUT_SECS", WAIT_TIMEOUT)]
    #[case("MOCK_IVS_CHAT_WAIT_LIMIT_MS", WAIT_TIMEOUT)]
    #[case("mock_ivs_chat_quiet", QUIET)]
    #[case("MOCK_IVS_CHAT_QUIETE", QUIET)]
    #[case("MOCK_IVS_CHAT_QUITE", QUIET)]
    #[case("MOCK_IVS_CHAT_LOGDIR", LOG_DIR)]
    #[case("MOCK_IVS_CHAT_LOGS", LOG)]
    fn a_misspelled_name_is_refused(#[case] name: &str, #[case] meant: &str) {
        let expected = format!("{name} is not a variable of the mock: did you mean {meant}?");
        assert_eq!(check_of(&[(name, "1")]), expected);
    }
}
