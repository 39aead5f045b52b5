use std::process::ExitCode;

use clap::Args;
use kernel::telemetry::Format;

use super::{DataArgs, Failure, runtime, say};
use crate::{
    platform::{Options, Platform},
    settings,
};

#[derive(Debug, Args)]
pub struct SeedArgs {
    #[command(flatten)]
    data: DataArgs,
}

pub fn run(args: SeedArgs) -> Result<ExitCode, Failure> {
    let sources = settings::sources()?;
    runtime(Format::Detect)?.block_on(async {
        // Seeding goes through the services, so they run for that long, on a port nobody knows.
        let address = ([127, 0, 0, 1], 0).into();
        let options = Options { place: args.data.place(), address, sources };
        let platform = Platform::start(options).await?;
        platform.settled().await?;
        say(&serde_json::to_string_pretty(&platform.credentials)?);
        platform.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
