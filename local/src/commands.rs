//! The `plinth` command: what a developer needs from the platform.
//!
//! Exit codes: 0 done; 1 it did not work, or a check found something; 2 the command line is wrong.

mod audit;
mod keys;
mod module;
mod openapi;
mod run;
mod seed;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use embedded::Place;
use kernel::telemetry::Format;
use tokio::runtime::{Builder, Runtime};

/// What a command fails with: shown to the person, with all its causes.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Plinth: everything that a product needs before its first own feature.
#[derive(Debug, Parser)]
#[command(name = "plinth", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole platform in this process.
    Run(run::RunArgs),
    /// Run the functions under `cargo lambda watch`, with a gateway in front, on an emulator's tables.
    Watch(watch::WatchArgs),
    /// Make the operator, the demo tenant and more users, without serving.
    Seed(seed::SeedArgs),
    /// Work with the modules' manifests.
    Module {
        #[command(subcommand)]
        command: module::ModuleCommand,
    },
    /// Work with the keys that sign access tokens.
    Keys {
        #[command(subcommand)]
        command: keys::KeysCommand,
    },
    /// Work with the audit log.
    Audit {
        #[command(subcommand)]
        command: audit::AuditCommand,
    },
    /// Print the OpenAPI document.
    Openapi(openapi::OpenapiArgs),
}

/// Where the data of the embedded platform is.
#[derive(Debug, Args)]
struct DataArgs {
    /// Folder of the data.
    #[arg(long, value_name = "DIR", default_value = ".plinth")]
    data: PathBuf,
}

impl DataArgs {
    fn place(self) -> Place {
        Place::Folder(self.data)
    }

    /// The folder, for commands that make no sense without data.
    fn existing(self) -> Result<PathBuf, Failure> {
        if self.data.is_dir() {
            Ok(self.data)
        } else {
            Err(format!("{} does not exist; `plinth run` makes it", self.data.display()).into())
        }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Watch(args) => watch::run(&args),
        Command::Seed(args) => seed::run(args),
        Command::Module { command } => module::run(&command),
        Command::Keys { command } => keys::run(command),
        Command::Audit { command } => audit::run(command),
        Command::Openapi(args) => openapi::run(args),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            say_error(&format!("error: {failure}"));
            for cause in std::iter::successors(failure.source(), |cause| cause.source()) {
                say_error(&format!("  because: {cause}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints a line of the command's result.
#[expect(clippy::print_stdout, reason = "a command's result belongs on standard output")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "a command's errors belong on standard error")]
fn say_error(line: &str) {
    eprintln!("{line}");
}

/// A runtime for commands, and logs for them on standard error.
fn runtime(format: Format) -> Result<Runtime, Failure> {
    kernel::telemetry::start(format);
    // Two threads serve what two cores can; more only cost memory.
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
