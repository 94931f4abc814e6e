//! The `tollgate-wrt` command. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tollgate_wrt::cli::main()
}
