//! The authorization service as a Lambda function.

use std::sync::Arc;

use authz::Ports;
use contracts::generated::{ROUTES, module};
use kernel::{clock::SystemClock, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    aws::environment::serve(ROUTES, async |environment| {
        let ports = Ports {
            table: environment.table(),
            clock: Arc::new(SystemClock),
            cursors: environment.cursors().await?,
            idempotency: environment.idempotency().await?,
        };
        Ok(authz::module(&environment.settings(module("authz").config).await?, ports)?)
    })
    .await
}
