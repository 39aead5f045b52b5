use std::{process::ExitCode, sync::Arc};

use auth::keys::KeyRing;
use aws::environment::Environment;
use clap::{Args, Subcommand};
use contracts::generated;
use embedded::SecretFile;
use kernel::{clock::SystemClock, config::Reader, secret::SecretStore, telemetry::Format};

use super::{DataArgs, Failure, runtime, say};
use crate::settings;

/// Whose keys.
#[derive(Debug, Args)]
pub struct Target {
    #[command(flatten)]
    data: DataArgs,
    /// Those of this deployed stage instead, with your AWS credentials.
    #[arg(long, conflicts_with = "data")]
    stage: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Publish a new key, which signs new access tokens a quarter of an hour later. Tokens of the old one
    /// stay good until they expire; no request fails.
    Rotate {
        #[command(flatten)]
        target: Target,
    },
    /// Drop a key that somebody else may have. Its tokens die, and another key signs; a running platform
    /// follows within minutes.
    Revoke {
        /// The key's id: `kid` in a token's header and in `/.well-known/jwks.json`.
        #[arg(value_name = "KID")]
        key_id: String,
        #[command(flatten)]
        target: Target,
    },
}

pub fn run(command: KeysCommand) -> Result<ExitCode, Failure> {
    let text = runtime(Format::Detect)?.block_on(async {
        Ok::<_, Failure>(match command {
            KeysCommand::Rotate { target } => {
                let rotation = target.ring().await?.rotate().await?;
                let news = if rotation.is_new { "new" } else { "already on its way" };
                let (key, from) = (rotation.key.kid, rotation.signs_from);
                format!("the key {key} ({news}) signs access tokens from {from:.0} on")
            }
            KeysCommand::Revoke { key_id, target } => {
                let signing = target.ring().await?.revoke(&key_id).await?;
                format!("the key {key_id} is dropped; {} signs access tokens", signing.kid)
            }
        })
    })?;
    say(&text);
    Ok(ExitCode::SUCCESS)
}

impl Target {
    async fn ring(self) -> Result<KeyRing, Failure> {
        let sources = settings::sources()?;
        let mut reader = Reader::new(&sources, generated::module("auth").config);
        let access_seconds = reader.get("auth.access_token_seconds");
        reader.finish()?;
        let secrets: Arc<dyn SecretStore> = match self.stage {
            Some(stage) => Environment::of_stage(&stage, "auth").await.secrets(),
            None => Arc::new(SecretFile::open(&self.data.existing()?)?),
        };
        Ok(KeyRing::new(secrets, Arc::new(SystemClock), access_seconds))
    }
}
