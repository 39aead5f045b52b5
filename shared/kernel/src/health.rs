//! Readiness: each dependency of a module, asked whether it answers.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One dependency of a module.
#[async_trait]
pub trait Check: Send + Sync + 'static {
    /// What is checked, such as `table`.
    fn name(&self) -> &'static str;

    /// # Errors
    /// When the dependency does not answer; the text is shown to operators only.
    async fn check(&self) -> Result<(), String>;
}

/// How one dependency is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// `{module}.{dependency}`
    #[schema(example = "identity.table")]
    pub name: String,
    pub ready: bool,
    /// Microseconds until the answer.
    pub latency_us: u64,
}

/// How a module, or the platform, is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    pub ready: bool,
    pub checks: Vec<CheckReport>,
}

impl Report {
    pub fn merge(reports: impl IntoIterator<Item = Self>) -> Self {
        let checks: Vec<_> = reports.into_iter().flat_map(|report| report.checks).collect();
        Self { ready: checks.iter().all(|check| check.ready), checks }
    }
}

/// Asks every dependency at once; one that takes longer than two seconds counts as down.
pub async fn report(module: &str, checks: &[std::sync::Arc<dyn Check>]) -> Report {
    let reports = join_all(checks.iter().map(|check| async move {
        let started = Instant::now();
        let answer = tokio::time::timeout(Duration::from_secs(2), check.check()).await;
        let ready = match answer {
            Ok(Ok(())) => true,
            Ok(Err(cause)) => {
                tracing::warn!(module, check = check.name(), cause, "dependency is not ready");
                false
            }
            Err(_) => {
                tracing::warn!(module, check = check.name(), "dependency does not answer");
                false
            }
        };
        let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        CheckReport { name: format!("{module}.{}", check.name()), ready, latency_us }
    }))
    .await;
    Report { ready: reports.iter().all(|check| check.ready), checks: reports }
}
