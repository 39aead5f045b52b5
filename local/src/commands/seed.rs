use std::process::ExitCode;

use aws::environment::Environment;
use clap::Args;
use kernel::telemetry::Format;
use serde_json::json;

use super::{DataArgs, Failure, runtime, say};
use crate::{
    credentials::Credentials,
    platform::{Options, Platform},
    seed::Seeder,
    settings,
};

#[derive(Debug, Args)]
pub struct SeedArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Seed this deployed stage instead, with your AWS credentials: the operator only.
    #[arg(long, conflicts_with = "data")]
    stage: Option<String>,
    /// With --stage: make the demo tenant and its accounts too.
    #[arg(long, requires = "stage")]
    demo: bool,
}

pub fn run(args: SeedArgs) -> Result<ExitCode, Failure> {
    let runtime = runtime(Format::Detect)?;
    let made = match &args.stage {
        Some(stage) => runtime.block_on(seed_stage(stage, args.demo)),
        None => runtime.block_on(seed_data(args.data)),
    };
    say(&made?);
    Ok(ExitCode::SUCCESS)
}

async fn seed_data(data: DataArgs) -> Result<String, Failure> {
    // Seeding goes through the services, so they run for that long, on a port nobody knows.
    let address = ([127, 0, 0, 1], 0).into();
    let options = Options { place: data.place(), address, sources: settings::sources()? };
    let platform = Platform::start(options).await?;
    platform.settled().await?;
    let made = serde_json::to_string_pretty(&platform.credentials)?;
    platform.stop().await;
    Ok(made)
}

async fn seed_stage(stage: &str, with_demo: bool) -> Result<String, Failure> {
    let environment = Environment::of_stage(stage, "operator").await;
    let seeder = Seeder {
        tenants: environment.client("tenant"),
        identities: environment.client("identity"),
        authz: environment.client("authz"),
    };
    let sources = settings::sources()?;
    let made = Credentials::load_or_make(&*environment.secrets(), &sources).await?;
    seeder.seed_operator(&made.operator).await?;
    if !with_demo {
        return Ok(serde_json::to_string_pretty(&json!({ "operator": made.operator }))?);
    }
    seeder.seed_demo(&made.demo).await?;
    Ok(serde_json::to_string_pretty(&made)?)
}
