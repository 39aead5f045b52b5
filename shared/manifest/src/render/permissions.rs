//! `permissions.rs`: a constant for every permission, and the catalogue of them all.

use super::literal;
use crate::{Modules, Permission};

/// rustfmt moves the value to the next line beyond this.
const MAX_WIDTH: usize = 100;

/// The name of the constant of a permission, and the last part of a setting's variable.
pub(crate) fn constant(code: &str) -> String {
    code.replace('.', "_").to_uppercase()
}

pub(super) fn render(modules: &Modules) -> String {
    let mut items = Vec::new();
    let mut entries = Vec::new();
    for (name, module) in modules {
        for (i, permission) in module.permissions.iter().enumerate() {
            if i == 0 {
                items.push(format!("// {name}\n"));
            }
            let constant = constant(&permission.code);
            let description = &permission.description;
            items
                .push(format!("/// {description}\n{}\n", declaration(&constant, &permission.code)));
            entries.push(format!(
                "    Permission {{ code: {constant}, description: {}, module: {}, roles: {} }},\n",
                literal(description),
                literal(name),
                roles(permission),
            ));
        }
    }
    items.push(format!(
        "/// Every permission of the platform.
#[rustfmt::skip]
pub const ALL: &[Permission] = &[
{}];
",
        entries.concat(),
    ));
    format!(
        "//! Every permission as a constant, so that a misspelt one does not compile.

#![allow(clippy::doc_markdown, reason = \"prose from the manifests\")]

use crate::catalogue::Permission;

{}",
        items.join("\n"),
    )
}

fn roles(permission: &Permission) -> String {
    let roles = permission.roles.iter().map(|role| literal(role.as_str()));
    format!("&[{}]", roles.collect::<Vec<_>>().join(", "))
}

fn declaration(constant: &str, code: &str) -> String {
    let line = format!("pub const {constant}: &str = \"{code}\";");
    if line.len() <= MAX_WIDTH {
        return line;
    }
    format!("pub const {constant}: &str =\n    \"{code}\";")
}
