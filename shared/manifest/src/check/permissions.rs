//! Permissions: well-formed codes, each declared once in the whole platform.

use super::{Declared, shape};
use crate::Modules;
use crate::problem::Problems;
use crate::render::constant;

pub(super) fn check(modules: &Modules, problems: &mut Problems) {
    // By constant, because `a_b.c` and `a.b_c` are different codes but the same constant.
    let mut declared = Declared::default();
    for (name, module) in modules {
        for (i, permission) in module.permissions.iter().enumerate() {
            let code = &permission.code;
            let field = format!("permissions[{i}].code");
            if !is_code(code, name) {
                let message = format!(
                    "\"{code}\" is neither {{resource}}.{{action}} nor {name}.{{resource}}.{{action}}"
                );
                problems.add(name, &field, message);
            }
            let constant = constant(code);
            if let Some(first) = declared.add(&constant, name, &field) {
                let message = format!("{constant} is already declared in {first}");
                problems.add(name, &field, message);
            }
            let field = format!("permissions[{i}].description");
            shape::check_description(name, &field, &permission.description, problems);
        }
    }
}

fn is_code(code: &str, module: &str) -> bool {
    let resource_and_action = code
        .strip_prefix(module)
        .and_then(|rest| rest.strip_prefix('.'))
        .filter(|rest| rest.contains('.'));
    let code = resource_and_action.unwrap_or(code);
    shape::is_dotted(code, 2) && code.split('.').count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::problems;

    #[test]
    fn a_code_is_a_resource_and_an_action_and_may_begin_with_the_module() {
        for code in ["user.read", "identity.read", "identity.user.read_all"] {
            assert!(is_code(code, "identity"), "{code}");
        }
        for code in ["user", "authz.user.read", "User.read", "identity.a.b.c", "user.", "a b.c"] {
            assert!(!is_code(code, "identity"), "{code}");
        }
    }

    #[test]
    fn a_malformed_code_is_reported() {
        assert_eq!(
            problems(&[("notes", "permissions: [{code: Read, description: Read}]")]),
            ["functions/notes/module.yaml: permissions[0].code: \"Read\" is neither \
              {resource}.{action} nor notes.{resource}.{action}"]
        );
    }

    #[test]
    fn a_permission_is_declared_once_in_all_modules() {
        let permissions = "permissions: [{code: user.read, description: Read users}]";
        assert_eq!(
            problems(&[("authz", permissions), ("identity", permissions)]),
            ["functions/identity/module.yaml: permissions[0].code: USER_READ is already declared \
              in functions/authz/module.yaml: permissions[0].code"]
        );
    }

    #[test]
    fn two_codes_do_not_share_a_constant() {
        let found = problems(&[(
            "notes",
            "permissions: [{code: a_b.c, description: One}, {code: a.b_c, description: Two}]",
        )]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
