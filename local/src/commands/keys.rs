use std::{process::ExitCode, sync::Arc};

use auth::keys::KeyRing;
use aws::environment::Environment;
use clap::Subcommand;
use contracts::generated;
use embedded::SecretFile;
use kernel::{clock::SystemClock, config::Reader, secret::SecretStore, telemetry::Format};

use super::{DataArgs, Failure, runtime, say};
use crate::settings;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Sign new access tokens with a new key. Tokens of the old one stay good until they expire; a
    /// running platform follows within minutes.
    Rotate {
        #[command(flatten)]
        data: DataArgs,
        /// Rotate the keys of this deployed stage instead, with your AWS credentials.
        #[arg(long, conflicts_with = "data")]
        stage: Option<String>,
    },
}

pub fn run(command: KeysCommand) -> Result<ExitCode, Failure> {
    let KeysCommand::Rotate { data, stage } = command;
    let sources = settings::sources()?;
    let mut reader = Reader::new(&sources, generated::module("auth").config);
    let access_seconds = reader.get("auth.access_token_seconds");
    reader.finish()?;
    let key = runtime(Format::Detect)?.block_on(async {
        let secrets: Arc<dyn SecretStore> = match stage {
            Some(stage) => Environment::of_stage(&stage, "auth").await.secrets(),
            None => Arc::new(SecretFile::open(&data.existing()?)?),
        };
        let ring = KeyRing::new(secrets, Arc::new(SystemClock), access_seconds);
        Ok::<_, Failure>(ring.rotate().await?)
    })?;
    say(&format!("new access tokens are signed with the key {}", key.kid));
    Ok(ExitCode::SUCCESS)
}
