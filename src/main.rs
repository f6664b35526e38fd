//! The `wit-eval` program; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    wit_eval::cli::run(std::env::args_os())
}
