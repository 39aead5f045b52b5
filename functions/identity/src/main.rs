//! The identity service as a Lambda function.

use std::sync::Arc;

use contracts::generated::{ROUTES, module};
use identity::Ports;
use kernel::{clock::SystemClock, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    aws::environment::serve(ROUTES, async |environment| {
        let ports = Ports {
            table: environment.table(),
            authz: environment.client("authz"),
            audit: environment.client("audit"),
            tenants: environment.client("tenant"),
            mailer: environment.mailer(),
            clock: Arc::new(SystemClock),
            cursors: environment.cursors().await?,
            idempotency: environment.idempotency().await?,
            // Mails are written by `events` too.
            link_key: environment.key("links").await?,
            limits: environment.limits(),
        };
        Ok(identity::module(&environment.settings(module("identity").config).await?, ports)?)
    })
    .await
}
