//! `routes.yaml`: the gateway's routes as a nested stack.

use super::{pascal, sorted_routes};
use crate::{Access, Modules, Route};

/// The name of a route in the template, from method and path alone so that it never moves to
/// another route: `/users/{id}` becomes `UsersById`, to stay apart from `/users/id`.
pub(crate) fn logical_id(route: &Route) -> String {
    pascal(&format!("{} {}", route.method.as_str().to_lowercase(), route.path.replace('{', "By-")))
}

pub(super) fn render(modules: &Modules) -> String {
    let mut parameters = vec!["ApiId".to_owned(), "AuthorizerId".to_owned()];
    for (name, module) in modules {
        if !module.routes.is_empty() {
            parameters.push(integration(name));
        }
    }
    let parameters = parameters.iter().map(|name| format!("  {name}:\n    Type: String\n"));
    let resources =
        sorted_routes(modules).into_iter().map(|(module, route)| resource(module, route));
    format!(
        "AWSTemplateFormatVersion: '2010-09-09'
Description: The gateway's routes, each to the function of its module.

Parameters:
{}
Resources:
{}",
        parameters.collect::<Vec<_>>().concat(),
        resources.collect::<Vec<_>>().join("\n"),
    )
}

fn resource(module: &str, route: &Route) -> String {
    let authorization = match route.access {
        Access::Public => "AuthorizationType: NONE",
        Access::SignedIn | Access::Session | Access::Permission(_) => {
            "AuthorizationType: CUSTOM\n      AuthorizerId: !Ref AuthorizerId"
        }
    };
    format!(
        "  {id}:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref ApiId
      RouteKey: '{method} {path}'
      Target: !Sub 'integrations/${{{integration}}}'
      {authorization}
",
        id = logical_id(route),
        method = route.method.as_str(),
        path = route.path,
        integration = integration(module),
    )
}

/// The parameter with the integration of a module.
fn integration(module: &str) -> String {
    format!("{}IntegrationId", pascal(module))
}
