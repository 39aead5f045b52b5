use std::{path::PathBuf, process::ExitCode, sync::Arc};

use aws::Recorder;
use clap::Args;
use embedded::{Place, Store};
use kernel::{client::Switchboard, config::Sources, telemetry::Format};

use super::{Failure, runtime, say};
use crate::composition::Composition;

#[derive(Debug, Args)]
pub struct OpenapiArgs {
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(args: OpenapiArgs) -> Result<ExitCode, Failure> {
    let document = runtime(Format::Detect)?.block_on(async {
        let store = Store::open(&Place::Memory, Recorder::default()).await?;
        let transport = Arc::new(Switchboard::new());
        let composition = Composition::build(&store, &Sources::empty(), transport).await?;
        Ok::<_, Failure>(composition.openapi())
    })?;
    match args.output {
        Some(path) => std::fs::write(path, document)?,
        None => say(document.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}
