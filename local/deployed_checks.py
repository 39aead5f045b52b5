"""What only a deployment can answer: do events arrive, do queues keep what fails, does IAM refuse."""

import base64
import json
import pathlib
import re
import secrets
import time
import uuid

import boto3
import botocore.exceptions

PATIENCE = 90
# As in shared/contracts/src/lib.rs.
PLATFORM_TENANT = "00000000-0000-7000-8000-000000000000"
DEMO_TENANT = "00000000-0000-7000-8000-00000000de30"
ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "events" / "samples"
ROUTES = ROOT / "infra" / "routes.yaml"
# What takes a passkey, an identity provider, or a tenant that demands a second factor; tested embedded.
NEEDS_MORE = re.compile(r"passkey|/oidc/|/identities/\{id\}|/login/mfa/totp")
ROUTE_KEY = re.compile(r"RouteKey: '(.+)'")


def events_reach_the_audit_log(deployed):
    """A change is audited: table -> stream -> bus -> queue -> audit"""
    tenant = deployed.make_tenant()
    wait_for("the audit entry", lambda: deployed.audit_entries(tenant))
    assert deployed.audit_entries(tenant) == 1, "more than one entry for one event"


def events_wait_for_the_bus(deployed):
    """While the bus is down, changes succeed, and their events arrive afterwards, once"""
    stream = deployed.function("tenant-stream")
    with deployed.environment(stream, AWS_ENDPOINT_URL_EVENTBRIDGE="http://127.0.0.1:1"):
        tenants = [deployed.make_tenant() for _ in range(3)]
        wait_for("a failure to publish", lambda: deployed.has_logged(stream, "Connection refused"))
        assert not any(deployed.audit_entries(tenant) for tenant in tenants), "the bus was not down"
    wait_for("the audit entries", lambda: all(deployed.audit_entries(tenant) for tenant in tenants))
    assert [deployed.audit_entries(tenant) for tenant in tenants] == [1, 1, 1], "an event counted twice"


def poison_ends_in_the_dead_letters(deployed):
    """A message that cannot be handled ends in the dead letters, and a redrive brings it back"""
    queue = deployed.queue("audit-events")
    dead = deployed.queue("audit-events-dead")
    # Nobody wants to wait five times three minutes.
    patience = deployed.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    deployed.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    try:
        deployed.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"detail": "poison"}))
        wait_for("the dead letter", lambda: deployed.messages(dead) == 1)
        deployed.redrive(dead, queue)
        wait_for("its return", lambda: deployed.messages(dead) == 0)
        wait_for("its second death", lambda: deployed.messages(dead) == 1)
        tenant = deployed.make_tenant()
        wait_for("the event behind the poison", lambda: deployed.audit_entries(tenant))
    finally:
        deployed.sqs.set_queue_attributes(QueueUrl=queue, Attributes=patience)
        deployed.sqs.purge_queue(QueueUrl=dead)


def functions_may_do_their_work_only(deployed):
    """Roles refuse: audit does not delete, the authorizer does not write, nobody reads others' secrets or resets limits"""
    key = {"pk": {"S": "check"}, "sk": {"S": "check"}}
    audit = deployed.as_function("audit-events", "dynamodb")
    denied(audit.delete_item, TableName=deployed.name("audit"), Key=key)
    denied(
        audit.update_item, TableName=deployed.name("audit"), Key=key,
        UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"S": "changed"}},
    )
    authorizer = deployed.as_function("authorizer", "dynamodb")
    denied(authorizer.put_item, TableName=deployed.name("auth"), Item=key)
    tenant = deployed.as_function("tenant-api", "dynamodb")
    denied(tenant.get_item, TableName=deployed.name("identity"), Key=key)
    denied(tenant.get_item, TableName=deployed.name("limits"), Key=key)
    denied(tenant.delete_item, TableName=deployed.name("limits"), Key=key)
    secrets = deployed.as_function("identity-api", "secretsmanager")
    denied(secrets.get_secret_value, SecretId=f"plinth/{deployed.stage}/auth/signing-keys")
    # The same role may do what it is for: the refusals above are not just a role that nothing works with.
    assert "Item" not in tenant.get_item(TableName=deployed.name("tenant"), Key=key)


def samples_are_answered(deployed):
    """The samples in events/samples are what the functions take"""
    for sample in sorted(SAMPLES.glob("*.json")):
        reply = deployed.lambdas.invoke(FunctionName=deployed.name(sample.stem), Payload=sample.read_bytes())
        answer = json.loads(reply["Payload"].read())
        assert "FunctionError" not in reply, f"{sample.name}: {answer}"
        assert not (answer or {}).get("batchItemFailures"), f"{sample.name}: {answer}"
        assert (answer or {}).get("statusCode", 200) < 500, f"{sample.name}: {answer}"


def every_route_has_worked(deployed):
    """Every route was answered well at least once, and none with a fault"""
    answers = list(deployed.answers())
    faults = [answer for answer in answers if answer["status"] >= 500]
    assert not faults, f"answered with a fault: {faults}"
    worked = {(answer["method"], answer["route"]) for answer in answers if answer["status"] < 400}
    routes = [tuple(key.split(" ", 1)) for key in ROUTE_KEY.findall(ROUTES.read_text())]
    untried = sorted(route for route in set(routes) - worked if not NEEDS_MORE.search(route[1]))
    assert routes and not untried, f"never answered well: {untried}"


CHECKS = [
    every_route_has_worked,
    events_reach_the_audit_log,
    events_wait_for_the_bus,
    poison_ends_in_the_dead_letters,
    functions_may_do_their_work_only,
    samples_are_answered,
]


class Deployed:
    """A deployed stage, and what the checks do with it."""

    def __init__(self, endpoint, region, stage):
        self.endpoint, self.region, self.stage = endpoint, region, stage
        self.lambdas = self.client("lambda")
        self.sqs = self.client("sqs")
        self.dynamodb = self.client("dynamodb")
        self.logs = self.client("logs")

    def client(self, service, key="test", secret="test", token=None):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=self.region,
            aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token,
        )

    def name(self, part):
        return f"plinth-{self.stage}-{part}"

    def function(self, part):
        return self.name(part)

    def queue(self, part):
        return self.sqs.get_queue_url(QueueName=self.name(part))["QueueUrl"]

    def messages(self, queue):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return sum(map(int, counts.values()))

    def redrive(self, dead, queue):
        """Moves the dead letters back (where StartMessageMoveTask is not there, by hand)."""
        for message in self.sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages", []):
            self.sqs.send_message(QueueUrl=queue, MessageBody=message["Body"])
            self.sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])

    def function_versions(self):
        """Names of the functions, each with what changes when it is deployed anew."""
        functions = self.lambdas.get_paginator("list_functions").paginate()
        return {
            function["FunctionName"]: (function["CodeSha256"], function["LastModified"])
            for page in functions for function in page["Functions"]
        }

    def make_tenant(self, identifier=None, slug=None, is_open=False):
        """Has the tenant service make a tenant, as another service would; gives its id."""
        identifier = identifier or str(uuid.uuid4())
        self.call("tenant", "PUT", f"/internal/tenant/tenants/{identifier}", {
            "name": "Check", "slug": slug or f"check-{identifier}", "open_registration": is_open,
        })
        return identifier

    def make_operator(self):
        """Makes the platform's first user and the tenant that people register with, once."""
        self.make_tenant(PLATFORM_TENANT, "platform")
        self.make_tenant(DEMO_TENANT, "demo", is_open=True)
        email, password = "operator@example.org", secrets.token_urlsafe(24)
        place = f"tenants/{PLATFORM_TENANT}/users/{uuid.uuid4()}"
        self.call("identity", "PUT", f"/internal/identity/{place}", {
            "email": email, "password": password, "first_name": "Olivia", "last_name": "Operator",
        })
        roles = {"change": "set", "roles": ["owner"], "is_active": True, "caller_permissions": None}
        self.call("authz", "PUT", f"/internal/authz/{place}/roles", roles)
        return email, password

    def call(self, service, method, path, body):
        """A call of an internal route, as `shared/aws/src/invoke.rs` makes it."""
        actor = {"kind": "system", "id": "emulator-test", "ip_address": None, "user_agent": None}
        origin = {"request_id": str(uuid.uuid4()), "traceparent": None, "actor": actor, "remaining_ms": None}
        header = base64.urlsafe_b64encode(json.dumps(origin).encode()).decode().rstrip("=")
        payload = {
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
            "headers": {"content-type": "application/json", "x-plinth-origin": header},
            "requestContext": {
                "apiId": "plinth-internal", "stage": "$default", "routeKey": "$default",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1"},
            },
            "body": json.dumps(body), "isBase64Encoded": False,
        }
        reply = self.lambdas.invoke(FunctionName=self.name(f"{service}-api"), Payload=json.dumps(payload))
        answer = json.loads(reply["Payload"].read())
        assert answer.get("statusCode", 500) < 300, f"{method} {path}: {answer}"
        return json.loads(answer["body"]) if answer.get("body") else None

    def audit_entries(self, tenant):
        """How many audit entries are about this tenant being made."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.name("audit"))
        items = [json.dumps(item) for page in pages for item in page["Items"]]
        return sum('"tenant.created"' in item and tenant in item for item in items)

    def has_logged(self, function, text):
        events = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        return any(text in event["message"] for event in events)

    def answers(self):
        """What the functions have answered, as their logs tell (at the level that `samconfig.toml` sets)."""
        groups = self.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
        for group in groups:
            pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
            for event in (event for page in pages for event in page["events"]):
                if '"answered"' in event["message"]:
                    line = json.loads(event["message"])
                    yield {"method": line["span"]["method"], "route": line.get("route"), "status": line["status"]}

    def environment(self, function, **variables):
        return ChangedEnvironment(self.lambdas, function, variables)

    def as_function(self, part, service):
        """A client with the rights of a function."""
        role = self.lambdas.get_function_configuration(FunctionName=self.name(part))["Role"]
        assumed = self.client("sts").assume_role(RoleArn=role, RoleSessionName="check")["Credentials"]
        return self.client(service, assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])


class ChangedEnvironment:
    """A function with other variables, for a while."""

    def __init__(self, lambdas, function, variables):
        self.lambdas, self.function, self.variables = lambdas, function, variables

    def __enter__(self):
        known = self.lambdas.get_function_configuration(FunctionName=self.function)
        self.before = known.get("Environment", {}).get("Variables", {})
        self.set({**self.before, **self.variables})

    def __exit__(self, *_):
        self.set(self.before)

    def set(self, variables):
        self.lambdas.update_function_configuration(
            FunctionName=self.function, Environment={"Variables": variables},
        )


def denied(call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("AccessDenied", "AccessDeniedException"), f"refused, but with {code}"
    else:
        raise AssertionError(f"{call.__name__} was allowed")


def wait_for(what, condition):
    """Waits until the condition holds, and not longer."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {PATIENCE} s")
        time.sleep(0.2)
    return found
