//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    jamtty::cli::run()
}
