use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::ExitCode,
};

use aws::environment::Environment;
use clap::Args;
use contracts::generated::MODULES;
use kernel::telemetry::Format;
use tokio::{
    net::TcpListener,
    process::Command,
    signal::unix::{SignalKind, signal},
};

use super::{Failure, runtime, say};
use crate::watch::{Functions, router};

/// Where the functions' settings are written, one file each.
const SETTINGS: &str = ".aws-sam/watch";

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Port of the public paths.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port for `cargo lambda watch`.
    #[arg(long, default_value_t = 9000)]
    functions_port: u16,
    /// The deployed stage whose tables, secrets and bus are used.
    #[arg(long, default_value = "test")]
    stage: String,
    /// Where it is deployed.
    #[arg(long, env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:4566")]
    endpoint: String,
}

pub fn run(args: &WatchArgs) -> Result<ExitCode, Failure> {
    runtime(Format::Detect)?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let folder = std::env::current_dir()?.join(SETTINGS);
        write_settings(&args.stage, &folder).await.map_err(|error| {
            format!("the stage {} at {} does not answer: {error}. `make emulator` starts one", args.stage, args.endpoint)
        })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
        let listener = TcpListener::bind(address).await?;
        let mut functions = Command::new("cargo")
            .args(["lambda", "watch", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &args.functions_port.to_string()])
            .env("AWS_ENDPOINT_URL", &args.endpoint)
            .env("AWS_ENDPOINT_URL_LAMBDA", format!("http://{address}"))
            .env("PLINTH_ENV_FOLDER", &folder)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("`cargo lambda watch` cannot be started: {error}"))?;
        say(&format!("public paths at http://{address}; a function is compiled when it is first called"));
        let url = format!("http://127.0.0.1:{}", args.functions_port);
        let router = router(Functions::new(url, format!("plinth-{}-", args.stage)));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::select! {
            served = axum::serve(listener, service) => served?,
            ended = functions.wait() => return Err(format!("`cargo lambda watch` has ended: {}", ended?).into()),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Writes down the settings that the deployed functions have.
async fn write_settings(stage: &str, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    for module in MODULES {
        let environment = Environment::of_stage(stage, module.name).await;
        let function = if module.name == "authorizer" {
            "authorizer"
        } else {
            &format!("{}-api", module.name)
        };
        let mut lines = String::new();
        for (name, value) in environment.variables_of(function).await? {
            // Certificates are where the machine has them.
            if name.starts_with("PLINTH_") {
                writeln!(lines, "{name}={value}")?;
            }
        }
        fs::write(folder.join(format!("{}.env", module.name)), lines)?;
    }
    Ok(())
}
