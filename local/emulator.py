"""Starts MiniStack (an emulator of AWS that needs no Docker) with repairs for what Plinth's template uses.

The version is pinned in requirements-emulator.txt, since the repairs reach into it.
"""

import email.utils
import functools
import json

import ministack.app as app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb
from ministack.services.cloudformation import _stacks, engine
from ministack.services.cloudformation import provisioners

# Nested templates do not get the SAM transform.
parse_template = engine._parse_template
engine._parse_template = lambda body: engine._apply_transforms(parse_template(body))

# An update of a nested stack forgets the attributes of the resources that it leaves alone.
update_resource = provisioners._update_resource


def update_with_attributes(kind, physical_id, old, new, stack, logical_id=None, attributes=None):
    if attributes is None:
        known = (_stacks.get(stack) or {}).get("_resources", {}).get(logical_id) or {}
        attributes = known.get("Attributes")
    return update_resource(kind, physical_id, old, new, stack, logical_id, attributes)


provisioners._update_resource = update_with_attributes


# A gateway reads its CORS settings in the API's spelling, not in CloudFormation's.
def with_cors_in_camel_case(function):
    def spell(argument):
        cors = isinstance(argument, dict) and argument.get("CorsConfiguration")
        if not cors:
            return argument
        spelt = {name[0].lower() + name[1:]: value for name, value in cors.items()}
        return {**argument, "CorsConfiguration": spelt}

    @functools.wraps(function)
    def wrapped(*arguments, **named):
        return function(*map(spell, arguments), **named)

    return wrapped


api = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
api["create"] = with_cors_in_camel_case(api["create"])
api["update"] = with_cors_in_camel_case(api["update"])

# A table's TimeToLiveSpecification is ignored.
table = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
create_table = table["create"]


def create_with_ttl(logical_id, properties, stack):
    name, attributes = create_table(logical_id, properties, stack)
    ttl = properties.get("TimeToLiveSpecification")
    if ttl:
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": ttl})
    return name, attributes


table["create"] = create_with_ttl

# Alarms over several metrics are refused. They are not what is tested here: watch the first metric.
alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]


def with_one_metric(function):
    def simplify(argument):
        metrics = isinstance(argument, dict) and argument.get("Metrics")
        if not metrics:
            return argument
        stat = next(metric["MetricStat"] for metric in metrics if "MetricStat" in metric)
        rest = {name: value for name, value in argument.items() if name != "Metrics"}
        return {**rest, **stat["Metric"], "Statistic": stat["Stat"], "Period": stat["Period"]}

    @functools.wraps(function)
    def wrapped(*arguments, **named):
        return function(*map(simplify, arguments), **named)

    return wrapped


alarm["create"] = with_one_metric(alarm["create"])
if "update" in alarm:
    alarm["update"] = with_one_metric(alarm["update"])

# Policies refuse what comes without TLS; the emulator is reached without it, and only on this machine.
resolve_condition_key = iam_evaluator._resolve_condition_key
iam_evaluator._resolve_condition_key = lambda key, context: (
    "true" if key.lower() == "aws:securetransport" else resolve_condition_key(key, context)
)

# A mail belongs to its sender's identity, not to everything.
ses_resource = iam_actions._ses_v2_resource_arn


def ses_resource_with_sender(method, path, body, region, account):
    if path.rstrip("/") != "/v2/email/outbound-emails":
        return ses_resource(method, path, body, region, account)
    _, sender = email.utils.parseaddr(json.loads(body).get("FromEmailAddress", ""))
    return f"arn:aws:ses:{region}:{account}:identity/{sender}"


iam_actions._ses_v2_resource_arn = ses_resource_with_sender

app.main()
