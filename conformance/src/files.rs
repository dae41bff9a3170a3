//! Files: the recording and the tables of a run.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mock_ivs_chat_conformance::{ClaimResult, FORMAT, Recording, to_json, to_markdown};

use crate::cli::Job;

const RECORDING: &str = "recording.json";
const TABLE: &str = "table.json";
const PAGE: &str = "table.md";

/// Checks that results can be written into a folder, before anything is spent on them. It leaves
/// the folder as it was.
pub(crate) fn check_writable(folder: &Path) -> Result<(), String> {
    let failed = |path: &Path, error: io::Error| {
        format!(
            "cannot write results: {}: {error}; choose another folder with --out",
            path.display()
        )
    };
    for name in [RECORDING, TABLE, PAGE] {
        let path = folder.join(name);
        if path.exists() {
            OpenOptions::new().write(true).open(&path).map_err(|error| failed(&path, error))?;
        }
    }
    let missing: Vec<PathBuf> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .map(Path::to_path_buf)
        .collect();
    let created = fs::create_dir_all(folder).map_err(|error| failed(folder, error));
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    let written = created.and_then(|()| {
        fs::write(&probe, "x")
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|error| failed(&probe, error))
    });
    for path in missing {
        // Another run may have put something there in the meantime.
        let _ = fs::remove_dir(path);
    }
    written
}

/// Writes the recording and the tables. A file is either complete, or as it was before.
pub(crate) fn write_all(job: &Job, results: &[ClaimResult]) -> Result<(), String> {
    let folder = &job.common.out;
    let failed = |path: &Path, error: io::Error| {
        format!("cannot write results: {}: {error}", path.display())
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let date = now[..10].to_owned();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let title = format!("{} in {}, {date}, version {version}", job.name, job.region);
    let recording = Recording {
        format: FORMAT,
        target: job.name.into(),
        region: job.region.clone(),
        date,
        version,
        claims: results.iter().filter_map(ClaimResult::recorded).collect(),
        digest: String::new(),
    };
    let table = to_json(&recording, results)?;
    for (name, text) in [
        (RECORDING, recording.sealed().to_text()),
        (TABLE, table),
        (PAGE, to_markdown(&title, results)),
    ] {
        let (path, unfinished) = (folder.join(name), folder.join(format!(".{name}.unfinished")));
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
        written.map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
