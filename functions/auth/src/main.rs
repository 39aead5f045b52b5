//! The auth service as a Lambda function.

use std::sync::Arc;

use auth::Ports;
use contracts::generated::{ROUTES, module};
use kernel::{clock::SystemClock, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    aws::environment::serve(ROUTES, async |environment| {
        let ports = Ports {
            table: environment.table(),
            identities: environment.client("identity"),
            authz: environment.client("authz"),
            tenants: environment.client("tenant"),
            secrets: environment.secrets(),
            clock: Arc::new(SystemClock),
            cursors: environment.cursors().await?,
            idempotency: environment.idempotency().await?,
            refresh_key: environment.key_for_clients("refresh").await?,
            federation_key: environment.key_for_clients("federation").await?,
            limits: environment.limits(),
        };
        Ok(auth::module(&environment.settings(module("auth").config).await?, ports)?)
    })
    .await
}
