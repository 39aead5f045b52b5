//! Who depends on whom.

use std::collections::BTreeSet;

use crate::{Manifest, Modules};

/// The modules, dependencies first, and what stands in the way of that.
pub(crate) struct Order<'a> {
    pub modules: Vec<&'a Manifest>,
    /// Each cycle as a path that ends where it began.
    pub cycles: Vec<Vec<&'a str>>,
}

/// Sorts the modules so that dependencies come first, otherwise by name.
///
/// A cycle is noted and then broken, so that all of them are found and the others still sort.
pub(crate) fn in_order(modules: &Modules) -> Order<'_> {
    let mut waiting: BTreeSet<&str> = modules.keys().map(String::as_str).collect();
    let mut order = Order { modules: Vec::new(), cycles: Vec::new() };
    while let Some(&first) = waiting.first() {
        let ready =
            waiting.iter().copied().find(|name| next_waiting(modules, &waiting, name).is_none());
        let name = ready.unwrap_or_else(|| {
            let cycle = cycle(modules, &waiting, first);
            let broken = cycle[0];
            order.cycles.push(cycle);
            broken
        });
        waiting.remove(name);
        order.modules.push(&modules[name]);
    }
    order
}

/// The first dependency of `name` that is still waiting.
fn next_waiting<'a>(modules: &'a Modules, waiting: &BTreeSet<&str>, name: &str) -> Option<&'a str> {
    let mut dependencies = modules[name].dependencies.keys().map(String::as_str);
    // A module that depends on itself has its own error message.
    dependencies.find(|dependency| waiting.contains(dependency) && *dependency != name)
}

/// Walks the waiting modules from `start` until one is met again.
fn cycle<'a>(modules: &'a Modules, waiting: &BTreeSet<&str>, start: &'a str) -> Vec<&'a str> {
    let mut path = vec![start];
    let mut last = start;
    while let Some(next) = next_waiting(modules, waiting, last) {
        let met = path.iter().position(|name| *name == next);
        path.push(next);
        if let Some(met) = met {
            return path.split_off(met);
        }
        last = next;
    }
    path
}

/// The module itself and everything that it depends on, directly or not.
pub(crate) fn reachable<'a>(modules: &'a Modules, name: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next = vec![name];
    while let Some(name) = next.pop() {
        if let Some(module) = modules.get(name)
            && found.insert(name)
        {
            next.extend(module.dependencies.keys().map(String::as_str));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::fixture::load;

    #[test]
    fn dependencies_come_first_and_ties_go_by_name() {
        let (_root, manifests) = load(&[
            ("a", "dependencies: {d: ^0.1}"),
            ("b", ""),
            ("c", "dependencies: {b: ^0.1}"),
            ("d", "dependencies: {c: ^0.1}"),
            ("e", ""),
        ]);
        let order: Vec<_> =
            manifests.in_order().iter().map(|module| module.name.as_str()).collect();
        assert_eq!(order, ["b", "c", "d", "a", "e"]);
    }
}
