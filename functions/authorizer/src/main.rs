//! The authorizer as a Lambda function.

use std::sync::Arc;

use authorizer::{Authorizer, Ports};
use contracts::generated::module;
use kernel::{
    clock::SystemClock,
    lambda::{self, Role},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let authorizer = aws::environment::prepare(Role::Api, async |environment| {
        let ports = Ports {
            sessions: environment.client("auth"),
            authz: environment.client("authz"),
            clock: Arc::new(SystemClock),
        };
        Ok(Authorizer::new(&environment.settings(module("authorizer").config).await?, ports)?)
    })
    .await?;
    authorizer::lambda::run(Arc::new(authorizer)).await
}
