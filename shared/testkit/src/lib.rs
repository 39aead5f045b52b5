//! Tests of a module over its real router and an embedded store.
//!
//! ```no_run
//! # async fn test() {
//! # let module = kernel::module::Module::new("identity", "0.1.0");
//! use testkit::{App, Person, TestStore};
//!
//! let store = TestStore::open().await;
//! let table = store.table("identity").await; // build the module on it
//! let app = App::new(&module);
//! let admin = Person::with(&["user.list"]);
//! let answer = app.get(&admin, "/api/v1/users").await;
//! answer.expect(200);
//! # }
//! ```

mod app;
mod events;
mod records;
mod store;

pub use app::{Answer, App, Person};
pub use events::check_against_schema;
pub use records::MortalRecords;
pub use store::{TestStore, assert_cost};
