//! jamtty in folders of its own, so that no test meets another or the user.

use std::process::{Command, Output, Stdio};

/// The folders of one test.
pub(crate) struct Home(pub(crate) tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(home.0.path().join("run/jamtty")).unwrap();
        home
    }

    /// jamtty with these arguments, these folders and no other environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jamtty"));
        command.args(args).env_clear().stdin(Stdio::null());
        command.env("HOME", self.0.path()).env("TMPDIR", self.0.path());
        for (variable, folder) in [
            ("CONFIG_HOME", "config"),
            ("DATA_HOME", "data"),
            ("STATE_HOME", "state"),
            ("RUNTIME_DIR", "run"),
        ] {
            command.env(format!("XDG_{variable}"), self.0.path().join(folder));
        }
        command
    }

    /// What it wrote to stdout and stderr, and its exit code.
    pub(crate) fn run(&self, args: &[&str]) -> (String, String, i32) {
        said(self.command(args).output().unwrap())
    }
}

/// As [`Home::run`], of a process that has ended.
pub(crate) fn said(output: Output) -> (String, String, i32) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}
