//! What every Plinth service stands on: requests in, problems out, events along the way.
//!
//! A service builds a [`module::Module`] from its configuration and ports; who calls it decides how
//! it runs: [`lambda::run`] on AWS, the `plinth` command in one process, a test on a router.
//!
//! | to | read |
//! |---|---|
//! | answer a request | [`http`], [`problem`], [`validate`], [`etag`], [`page`] |
//! | know who is calling, and for which tenant | [`caller`], [`origin`] |
//! | announce a change | [`event`], [`stream`] |
//! | call another service | [`client`] |
//! | ask an address that somebody else chose | [`outgoing`] |
//! | limit who calls too often | [`limit`] |
//! | read settings and secrets | [`config`], [`secret`] |
//! | remember what was read | [`remembered`] |
//! | create nothing twice | [`idempotency`] |

pub mod caller;
pub mod client;
pub mod clock;
pub mod config;
pub mod cursor;
pub mod etag;
pub mod event;
pub mod fault;
pub mod health;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod job;
pub mod lambda;
pub mod limit;
pub mod mail;
pub mod module;
pub mod openapi;
pub mod origin;
pub mod outgoing;
pub mod page;
pub mod problem;
pub mod remembered;
pub mod route;
pub mod secret;
pub mod stream;
pub mod telemetry;
pub mod text;
pub mod validate;
