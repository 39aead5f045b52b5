//! The modules as a Mermaid graph.

use crate::Modules;
use crate::check::events::matches;

pub(crate) fn graph(modules: &Modules) -> String {
    let mut lines = vec!["graph LR".to_owned()];
    lines.extend(modules.keys().map(|name| format!("    {name}")));
    for (name, module) in modules {
        let dependencies = module.dependencies.keys();
        lines.extend(dependencies.map(|dependency| format!("    {name} --> {dependency}")));
    }
    for (publisher, module) in modules {
        let published = &module.events.publishes;
        for (consumer, module) in modules {
            let carried = module
                .events
                .consumes
                .iter()
                .filter(|pattern| published.iter().any(|event| matches(pattern, event)));
            lines.extend(
                carried.map(|pattern| format!("    {publisher} -.->|\"{pattern}\"| {consumer}")),
            );
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use crate::fixture::load;

    #[test]
    fn the_graph_shows_dependencies_solid_and_events_dotted() {
        let (_root, manifests) = load(&[
            ("audit", "events: {consumes: ['*']}"),
            ("authz", "events: {publishes: [platform.role.assigned, platform.role.removed]}"),
            ("identity", "dependencies: {authz: ^0.1}\nevents: {consumes: ['platform.role.*']}"),
        ]);
        assert_eq!(
            manifests.graph(),
            r#"graph LR
    audit
    authz
    identity
    identity --> authz
    authz -.->|"*"| audit
    authz -.->|"platform.role.*"| identity
"#
        );
    }
}
