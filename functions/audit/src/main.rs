//! The audit service as a Lambda function.

use std::sync::Arc;

use audit::Ports;
use contracts::generated::ROUTES;
use kernel::{clock::SystemClock, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    aws::environment::serve(ROUTES, async |environment| {
        Ok(audit::module(Ports {
            table: environment.table(),
            clock: Arc::new(SystemClock),
            cursors: environment.cursors().await?,
        }))
    })
    .await
}
