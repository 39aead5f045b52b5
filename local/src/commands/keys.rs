use std::{process::ExitCode, sync::Arc};

use auth::keys::KeyRing;
use clap::Subcommand;
use contracts::generated;
use embedded::SecretFile;
use kernel::{clock::SystemClock, config::Reader, telemetry::Format};

use super::{DataArgs, Failure, runtime, say};
use crate::settings;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Sign new access tokens with a new key. Tokens of the old one stay good until they expire; a
    /// running platform follows within a minute.
    Rotate(DataArgs),
}

pub fn run(command: KeysCommand) -> Result<ExitCode, Failure> {
    let KeysCommand::Rotate(data) = command;
    let sources = settings::sources()?;
    let mut reader = Reader::new(&sources, generated::module("auth").config);
    let access_seconds = reader.get("auth.access_token_seconds");
    reader.finish()?;
    let secrets = Arc::new(SecretFile::open(&data.existing()?)?);
    let ring = KeyRing::new(secrets, Arc::new(SystemClock), access_seconds);
    let key = runtime(Format::Detect)?.block_on(ring.rotate())?;
    say(&format!("new access tokens are signed with the key {}", key.kid));
    Ok(ExitCode::SUCCESS)
}
