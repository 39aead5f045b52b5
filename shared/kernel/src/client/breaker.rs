use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures in a row that open the circuit.
pub(super) const THRESHOLD: u32 = 5;
/// How long it stays open before one call may try.
const COOL_DOWN: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        since: Instant,
    },
    /// One probe is under way. If it never settles, the next may go after another cool-down.
    Probing {
        since: Instant,
    },
}

/// A circuit breaker: closed, open after [`THRESHOLD`] failures in a row, then one probe at a time.
#[derive(Debug)]
pub(super) struct Breaker(Mutex<State>);

impl Default for Breaker {
    fn default() -> Self {
        Self(Mutex::new(State::Closed { failures: 0 }))
    }
}

/// Leave to make one call; says afterwards how it went.
#[must_use]
pub(super) struct Permit<'a>(&'a Breaker);

impl Breaker {
    pub(super) fn admit(&self) -> Option<Permit<'_>> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Some(Permit(self)),
            State::Open { since } | State::Probing { since } if since.elapsed() >= COOL_DOWN => {
                *state = State::Probing { since: Instant::now() };
                Some(Permit(self))
            }
            State::Open { .. } | State::Probing { .. } => None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.state(), State::Closed { .. })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    pub(super) fn settle(self, went_well: bool) {
        let mut state = self.0.state();
        *state = match (*state, went_well) {
            (_, true) => State::Closed { failures: 0 },
            (State::Closed { failures }, false) if failures + 1 < THRESHOLD => {
                State::Closed { failures: failures + 1 }
            }
            (State::Closed { .. } | State::Probing { .. }, false) => {
                State::Open { since: Instant::now() }
            }
            (State::Open { since }, false) => State::Open { since },
        };
    }
}
