//! The tenant service as a Lambda function.

use std::sync::Arc;

use contracts::generated::{ROUTES, module};
use kernel::{clock::SystemClock, lambda};
use tenant::Ports;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    aws::environment::serve(ROUTES, async |environment| {
        let ports = Ports { table: environment.table(), clock: Arc::new(SystemClock) };
        Ok(tenant::module(&environment.settings(module("tenant").config).await?, ports)?)
    })
    .await
}
