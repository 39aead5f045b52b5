use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use embedded::Place;
use kernel::telemetry::Format;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failure, runtime, say};
use crate::{
    platform::{Options, Platform},
    settings,
};

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Folder of the data.
    #[arg(long, value_name = "DIR", default_value = ".plinth", conflicts_with = "memory")]
    data: PathBuf,
    /// Keep the data in memory; it is gone afterwards.
    #[arg(long)]
    memory: bool,
    /// Say when it is ready as one line of JSON, and log in JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    let sources = settings::sources()?;
    let format = if args.json { Format::Json } else { Format::Detect };
    let place = if args.memory { Place::Memory } else { Place::Folder(args.data) };
    let address = (args.host, args.port).into();
    runtime(format)?.block_on(async {
        // Before the start, so that a signal during it is not lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let platform = Platform::start(Options { place, address, sources }).await?;
        say(&if args.json { ready_line(&platform) } else { welcome(&platform) });
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; what is under way is finished");
        platform.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn ready_line(platform: &Platform) -> String {
    let credentials = &platform.credentials;
    json!({
        "ready": true,
        "url": platform.url,
        "pid": std::process::id(),
        "operator": {
            "email": credentials.operator.email,
            "password": credentials.operator.password,
        },
        "demo": credentials.demo,
    })
    .to_string()
}

fn welcome(platform: &Platform) -> String {
    let credentials = &platform.credentials;
    let mut lines = vec![
        String::new(),
        format!("  Plinth is ready at {}", platform.url),
        format!("  documentation  {}/docs", platform.url),
        format!("  mailbox        {}/_local/", platform.url),
        String::new(),
        format!(
            "  operator       {:<24} {}",
            credentials.operator.email, credentials.operator.password
        ),
    ];
    for account in &credentials.demo.users {
        lines.push(format!(
            "  demo {:<9} {:<24} {}",
            account.role.as_deref().unwrap_or_default(),
            account.email,
            account.password
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
