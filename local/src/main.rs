//! The `plinth` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    local::commands::main()
}
