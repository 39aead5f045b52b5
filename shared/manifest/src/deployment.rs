//! Whether the deployment templates say what the manifests say: functions, tables, rules, environment,
//! and who may invoke whom. The routes need no check, since they are generated.

mod template;

use std::{collections::BTreeSet, fs, path::Path};

use self::template::{Template, items, keys, text};
use crate::{Manifest, Modules, problem::Problems, render::constant};

/// Variables that every function may have, beside the module's own settings.
const PLATFORM_VARIABLES: &[&str] = &[
    "PLINTH_LOG",
    "PLINTH_TABLE",
    "PLINTH_BUS",
    "PLINTH_FUNCTION_PREFIX",
    "PLINTH_SECRETS_PREFIX",
    "PLINTH_MAIL_FROM",
    "PLINTH_LIMITS_TABLE",
    "PLINTH_RATE_LIMITS_SCALE",
    "PLINTH_RATE_LIMITS_USER",
    "PLINTH_RATE_LIMITS_ADDRESS",
    "PLINTH_RATE_LIMITS_SIGN_IN",
    "PLINTH_RATE_LIMITS_REGISTRATION",
    "PLINTH_RATE_LIMITS_REFRESH",
    "PLINTH_RATE_LIMITS_RESET",
    "SSL_CERT_FILE",
];

/// Actions that AWS lets nobody narrow to a resource.
const UNBOUNDED_ACTIONS: &[&str] =
    &["xray:PutTraceSegments", "xray:PutTelemetryRecords", "dynamodb:ListStreams"];

pub(crate) fn check(root: &Path, modules: &Modules) -> Result<(), Problems> {
    let mut problems = Problems::default();
    if let Some(main) = read(root, "template.yaml", &mut problems) {
        for (name, module) in modules {
            let path = format!("infra/{name}.yaml");
            let Some(template) = read(root, &path, &mut problems) else { continue };
            let mut report = |field: &str, message: String| {
                problems.add_in(&path, field, message);
            };
            check_functions(module, &template, &mut report);
            check_table(module, &template, &mut report);
            check_rules(module, &template, &mut report);
            check_environment(modules, module, &template, &mut report);
            check_permissions(module, &template, &mut report);
            check_nesting(&path, &main, &template, &mut report);
        }
    }
    problems.none_or(())
}

fn read(root: &Path, path: &str, problems: &mut Problems) -> Option<Template> {
    let parsed = fs::read_to_string(root.join(path))
        .map_err(|error| error.to_string())
        .and_then(|yaml| Template::parse(&yaml));
    parsed.map_err(|message| problems.add_in(path, "", message)).ok()
}

/// One function for each role that the module has work for.
fn check_functions(module: &Manifest, template: &Template, report: &mut impl FnMut(&str, String)) {
    let functions = template.of_kind("AWS::Serverless::Function");
    let found: BTreeSet<_> =
        functions.filter_map(|(_, properties)| properties["Handler"].as_str()).collect();
    let roles = [
        ("api", module.name != "authorizer"),
        ("authorizer", module.name == "authorizer"),
        ("events", !module.events.consumes.is_empty()),
        ("stream", module.table.as_ref().is_some_and(|table| table.stream)),
        ("jobs", !module.jobs.is_empty()),
    ];
    for (role, is_needed) in roles {
        match (is_needed, found.contains(role)) {
            (true, false) => {
                report("Resources", format!("has no function with the handler {role}"));
            }
            (false, true) => report("Resources", format!("has a function {role} without need")),
            _ => {}
        }
    }
}

fn check_table(module: &Manifest, template: &Template, report: &mut impl FnMut(&str, String)) {
    let table = template.of_kind("AWS::DynamoDB::Table").find(|(name, _)| *name == "Table");
    let (declared, properties) = match (&module.table, table) {
        (None, None) => return,
        (Some(_), None) => return report("Resources.Table", "is missing".to_owned()),
        (None, Some(_)) => return report("Resources.Table", "the manifest has none".to_owned()),
        (Some(declared), Some((_, properties))) => (declared, properties),
    };
    let indexes = items(&properties["GlobalSecondaryIndexes"]).len();
    if indexes != usize::from(declared.indexes) {
        let message = format!("has {indexes} indexes, the manifest {}", declared.indexes);
        report("Resources.Table", message);
    }
    if properties["StreamSpecification"].is_null() == declared.stream {
        report("Resources.Table", format!("the manifest says stream: {}", declared.stream));
    }
    for protection in
        ["PointInTimeRecoverySpecification", "SSESpecification", "TimeToLiveSpecification"]
    {
        if properties[protection].is_null() {
            report("Resources.Table", format!("has no {protection}"));
        }
    }
}

/// The bus's rule lets through what the module consumes.
fn check_rules(module: &Manifest, template: &Template, report: &mut impl FnMut(&str, String)) {
    let mut found = BTreeSet::new();
    for (_, properties) in template.of_kind("AWS::Events::Rule") {
        for pattern in items(&properties["EventPattern"]["detail-type"]) {
            match (pattern.as_str(), pattern["prefix"].as_str()) {
                (Some(exact), _) => found.insert(exact.to_owned()),
                (None, Some(prefix)) => found.insert(format!("{prefix}*")),
                (None, None) => false,
            };
        }
    }
    let declared: BTreeSet<_> = module.events.consumes.iter().cloned().collect();
    for missing in declared.difference(&found) {
        report("Resources", format!("no rule brings {missing}, which the manifest consumes"));
    }
    for extra in found.difference(&declared) {
        report("Resources", format!("a rule brings {extra}, which the manifest does not consume"));
    }
}

/// Every variable is one that somebody reads: a setting of the module, or of one that it depends on.
fn check_environment(
    modules: &Modules,
    module: &Manifest,
    template: &Template,
    report: &mut impl FnMut(&str, String),
) {
    let variable = |key: &str| format!("PLINTH_{}", constant(key));
    let dependencies = module.dependencies.keys().filter_map(|name| modules.get(name));
    let settings: BTreeSet<_> = dependencies
        .chain([module])
        .flat_map(|module| module.config.iter().map(|config| variable(&config.key)))
        .collect();
    let functions = template.of_kind("AWS::Serverless::Function");
    let own = functions.map(|(name, properties)| (name, &properties["Environment"]["Variables"]));
    let global = &template.globals["Function"]["Environment"]["Variables"];
    for (place, variables) in own.chain([("Globals", global)]) {
        for name in keys(variables) {
            if !PLATFORM_VARIABLES.contains(&name) && !settings.contains(name) {
                report(place, format!("{name} is no setting of the module"));
            }
        }
    }
}

/// Roles name what they may use, and invoke the services that the manifest depends on.
fn check_permissions(
    module: &Manifest,
    template: &Template,
    report: &mut impl FnMut(&str, String),
) {
    let mut invoked = BTreeSet::new();
    for statement in template.statements() {
        let is_unbounded = statement.resources.iter().any(|resource| resource == "*");
        for action in &statement.actions {
            if action.contains('*') {
                report(statement.role, format!("allows {action}; name the actions"));
            }
            if is_unbounded && !UNBOUNDED_ACTIONS.contains(&action.as_str()) {
                report(statement.role, format!("allows {action} on everything"));
            }
        }
        if statement.actions.iter().any(|action| action == "lambda:InvokeFunction") {
            let services = statement.resources.iter().filter_map(|arn| service_of(arn));
            invoked.extend(services.map(ToOwned::to_owned));
        }
    }
    let declared: BTreeSet<_> = module.dependencies.keys().cloned().collect();
    for missing in declared.difference(&invoked) {
        report("Resources", format!("no role may invoke {missing}, which the manifest depends on"));
    }
    for extra in invoked.difference(&declared) {
        report("Resources", format!("a role may invoke {extra}, no dependency of the manifest"));
    }
}

/// The service in the ARN of a function `plinth-${Stage}-{service}-api`. `None` where the template refers to
/// a function of its own, as the scheduler's role does.
fn service_of(arn: &str) -> Option<&str> {
    let (_, name) = arn.rsplit_once("plinth-${Stage}-")?;
    Some(name.strip_suffix("-api").unwrap_or(name))
}

/// The main template nests the module's and gives it the parameters that it asks for.
fn check_nesting(
    path: &str,
    main: &Template,
    template: &Template,
    report: &mut impl FnMut(&str, String),
) {
    let nested = main
        .of_kind("AWS::CloudFormation::Stack")
        .find(|(_, properties)| text(&properties["TemplateURL"]).as_deref() == Some(path));
    let Some((_, properties)) = nested else {
        return report("", "is not nested in template.yaml".to_owned());
    };
    let given: BTreeSet<_> = keys(&properties["Parameters"]).collect();
    for (name, parameter) in &template.parameters {
        if parameter["Default"].is_null() && !given.contains(name.as_str()) {
            report("Parameters", format!("template.yaml does not give {name}"));
        }
    }
    for name in given {
        if !template.parameters.contains_key(name) {
            report("Parameters", format!("template.yaml gives {name}, which is not declared"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifests;

    fn repository() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// What the check says about the real templates after a change of one of them.
    fn problems_after(file: &str, from: &str, to: &str) -> Vec<String> {
        let (real, changed) = (repository(), tempfile::tempdir().unwrap());
        let manifests = Manifests::load(&real).unwrap();
        fs::create_dir(changed.path().join("infra")).unwrap();
        let templates = manifests.by_name().map(|module| format!("infra/{}.yaml", module.name));
        for path in templates.chain(["template.yaml".to_owned()]) {
            let mut yaml = fs::read_to_string(real.join(&path)).unwrap();
            if path == file {
                assert!(yaml.contains(from), "{file} has no `{from}`");
                yaml = yaml.replacen(from, to, 1);
            }
            fs::write(changed.path().join(path), yaml).unwrap();
        }
        match manifests.check_deployment(changed.path()) {
            Ok(()) => vec![],
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_templates_of_this_repository_match_the_manifests() {
        let found = problems_after("template.yaml", "Resources:", "Resources:");
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn what_differs_is_named_with_its_file() {
        for (file, from, to, expected) in [
            (
                "infra/audit.yaml",
                "- prefix: platform.",
                "- prefix: other.",
                "no rule brings platform.*",
            ),
            (
                "infra/audit.yaml",
                "Handler: events",
                "Handler: jobs",
                "no function with the handler events",
            ),
            (
                "infra/tenant.yaml",
                "PLINTH_TENANT_DEFAULT_SLUG:",
                "PLINTH_TENANT_SLUG:",
                "is no setting",
            ),
            ("infra/tenant.yaml", "StreamSpecification:", "Streams:", "stream: true"),
            ("infra/tenant.yaml", "dynamodb:GetItem", "dynamodb:*", "name the actions"),
            (
                "infra/tenant.yaml",
                "Resource: !GetAtt ApiLogs.Arn",
                "Resource: '*'",
                "on everything",
            ),
            ("infra/auth.yaml", "-identity-api'", "-audit-api'", "no role may invoke identity"),
            ("template.yaml", "TemplateURL: infra/authz.yaml", "TemplateURL: x", "is not nested"),
            (
                "template.yaml",
                "        DefaultTenant: !Ref",
                "        Default: !Ref",
                "does not give DefaultTenant",
            ),
        ] {
            let found = problems_after(file, from, to);
            assert!(
                found.iter().any(|problem| problem.contains(expected)),
                "{expected}: {found:#?}"
            );
        }
    }
}
