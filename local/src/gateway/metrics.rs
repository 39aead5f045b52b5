//! The metrics of this process, in Prometheus' text format. On AWS, `CloudWatch` has them.

use std::sync::OnceLock;

use axum::{Router, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub fn router() -> Router {
    handle();
    Router::new().route("/metrics", get(get_metrics))
}

async fn get_metrics() -> String {
    handle().run_upkeep();
    handle().render()
}

/// The recorder is one per process, however many platforms (tests) run in it.
fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        PrometheusBuilder::new()
            .install_recorder()
            .expect("nothing else in this process records metrics")
    })
}
