//! The ops service as a Lambda function.

use std::sync::Arc;

use contracts::generated::{ROUTES, module};
use kernel::{clock::SystemClock, lambda};
use ops::Ports;

/// The platform's OpenAPI document, as `plinth module generate` has written it.
const OPENAPI: &str = include_str!("../../../docs/openapi.json");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    aws::environment::serve(ROUTES, async |environment| {
        let spec = module("ops");
        let services = spec.dependencies.iter().map(|(name, _)| environment.client(name));
        let ports = Ports {
            services: services.collect(),
            clock: Arc::new(SystemClock),
            openapi: OPENAPI.to_owned(),
        };
        Ok(ops::module(&environment.settings(spec.config).await?, ports)?)
    })
    .await
}
