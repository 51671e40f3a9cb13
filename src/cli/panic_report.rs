//! A bug leaves a report in a file, whose path is printed, and the process ends with 70.

use std::backtrace::Backtrace;
use std::fs;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::output::complain;
use crate::peer::api::ErrorCode;

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// Whether any thread has panicked so far.
pub(super) fn happened() -> bool {
    HAPPENED.load(Ordering::Relaxed)
}

/// Runs `body`; a panic in it, or in a thread it starts, is written to a file in `folder`.
///
/// The exit code is 70 if `body` itself panicked.
#[must_use]
pub fn guarded(folder: &Path, body: impl FnOnce() -> ExitCode) -> ExitCode {
    let folder = folder.to_owned();
    panic::set_hook(Box::new(move |info| report(&folder, info)));
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or(ExitCode::from(ErrorCode::Bug.exit_code()))
}

fn report(folder: &Path, info: &PanicHookInfo<'_>) {
    HAPPENED.store(true, Ordering::Relaxed);
    let text = text(info);
    match write(folder, &text) {
        Ok(path) => complain(&format!(
            "jamtty: this is a bug of jamtty, sorry: {info}\nA report is in {}: please send it with your words. It holds no sound and no chat.",
            path.display()
        )),
        Err(error) => {
            complain(&format!("jamtty: this is a bug of jamtty, sorry. No report file: {error}\n{text}"))
        }
    }
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    format!(
        "jamtty {} on {}\nat {}\nthread {}\n{info}\n\n{}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        jiff::Timestamp::now(),
        thread.name().unwrap_or("without a name"),
        Backtrace::force_capture()
    )
}

fn write(folder: &Path, text: &str) -> std::io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let now = jiff::Timestamp::now().as_millisecond();
    let path = folder.join(format!("bug-{now}-{}.txt", std::process::id()));
    fs::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_leaves_a_report_and_exit_code_70() {
        let dir = tempfile::tempdir().unwrap();
        let code = guarded(dir.path(), || panic!("the string broke"));
        drop(panic::take_hook());
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(70)));
        assert!(happened());
        let file = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
        let report = fs::read_to_string(file).unwrap();
        assert!(report.contains("the string broke") && report.contains("panic_report.rs"), "{report}");
    }
}
