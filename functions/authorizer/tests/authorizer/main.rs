//! The authorizer with the services around it played by fakes; one binary, so that it links once.

mod attacks;
mod decisions;
mod programs;
mod staleness;
