use std::collections::BTreeSet;

use contracts::generated::ROUTES;

use crate::common::World;

#[tokio::test]
async fn every_route_of_the_manifest_has_a_handler_and_no_handler_is_without() {
    let world = World::open().await;
    let declared = ROUTES.iter().filter(|route| route.module == "identity");
    let declared: BTreeSet<_> =
        declared.map(|route| (route.path.to_owned(), route.method.to_lowercase())).collect();
    let document = serde_json::to_value(&world.module.document().api).unwrap();
    let mut handled = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        handled.extend(item.as_object().unwrap().keys().map(|verb| (path.clone(), verb.clone())));
    }
    assert_eq!(handled, declared);
}
