//! Whether every service and what it depends on answers.

use std::{convert::Infallible, sync::Arc, time::Instant};

use futures_util::future::join_all;
use kernel::{
    client::ServiceClient,
    clock::Clock,
    health::{CheckReport, Report},
    origin::Origin,
    remembered::{Memory, Remembered},
};

/// Asks the services, and remembers what they said: the question comes from anybody, and each costs a
/// call of every service.
pub struct Readiness {
    services: Vec<Arc<ServiceClient>>,
    reports: Remembered<Report>,
}

impl Readiness {
    pub fn new(services: Vec<Arc<ServiceClient>>, memory: Memory, clock: Arc<dyn Clock>) -> Self {
        Self { services, reports: Remembered::new("ops.readiness", memory, clock) }
    }

    pub async fn report(&self, origin: &Origin) -> Report {
        let ask = async || {
            let reports = self.services.iter().map(|service| report_of(service, origin));
            Ok::<_, Infallible>(Report::merge(join_all(reports).await))
        };
        match self.reports.get("all".to_owned(), ask).await {
            Ok(report) => report,
            Err(never) => match *never {},
        }
    }
}

/// A service that does not answer is one check that failed.
async fn report_of(service: &ServiceClient, origin: &Origin) -> Report {
    let started = Instant::now();
    let path = format!("/internal/{}/ready", service.name());
    match service.get(origin, &path).await {
        Ok(report) => report,
        Err(error) => {
            tracing::warn!(service = service.name(), %error, "service is not ready");
            let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let check = CheckReport { name: service.name().to_owned(), ready: false, latency_us };
            Report { ready: false, checks: vec![check] }
        }
    }
}
