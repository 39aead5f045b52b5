//! Pages for people, rendered here, without scripts.

pub mod docs;
pub mod mailbox;

use std::sync::OnceLock;

use minijinja::{Environment, value::Serde};
use serde::Serialize;

/// Renders one of the templates; values are escaped as HTML.
fn render(template: &str, context: impl Serialize) -> String {
    static TEMPLATES: OnceLock<Environment<'static>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| {
        let mut templates = Environment::new();
        for (name, source) in [
            ("layout.html", include_str!("pages/layout.html")),
            ("docs.html", include_str!("pages/docs.html")),
            ("mailbox.html", include_str!("pages/mailbox.html")),
        ] {
            templates.add_template(name, source).expect("our templates parse");
        }
        templates
    });
    let template = templates.get_template(template).expect("the template is in the list above");
    template.render(Serde(context)).expect("our templates render what we give them")
}
