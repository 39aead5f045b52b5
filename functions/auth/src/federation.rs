//! Sign-in with a tenant's own identity provider: OpenID Connect, or plain OAuth 2 with profile endpoints
//! where a provider speaks nothing better.
//!
//! The way of a sign-in: [`attempt`] sends the browser away and knows it when it comes back; [`relying`]
//! asks the provider for its endpoints and keys ([`metadata`], [`keys`]), exchanges the code, and has the
//! answer checked ([`id_token`], [`github`]); what remains is a [`person::Person`], whom a
//! [`link::Link`] ties to an account.

pub mod attempt;
mod github;
pub mod id_token;
mod keys;
pub mod link;
mod metadata;
pub mod person;
pub mod provider;
pub mod refusal;
pub mod relying;
pub mod return_to;
pub mod sealing;
