//! Logs: JSON where a machine reads them, readable in a terminal. Every line of a request carries its
//! span's request, trace, tenant and user ids.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Text,
    /// Text in a terminal, JSON elsewhere.
    Detect,
}

/// Starts logging to standard error. `PLINTH_LOG` sets the filter, such as `info,identity=debug`.
/// Does nothing when a subscriber is already installed, as in tests.
pub fn start(format: Format) {
    let filter = EnvFilter::try_from_env("PLINTH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let json = match format {
        Format::Json => true,
        Format::Text => false,
        Format::Detect => !std::io::stderr().is_terminal(),
    };
    let started = if json {
        let layer = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr);
        registry.with(layer).try_init()
    } else {
        registry.with(fmt::layer().with_target(false).with_writer(std::io::stderr)).try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was already set up");
    }
}
