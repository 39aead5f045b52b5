"""Deploys the real template with the real binaries to an AWS emulator and tests what came of it.

The steps are those of a deployment to AWS: `sam build`, `sam deploy`. Then the end-to-end suite runs
against the deployed address (PLINTH_URL), and after it the checks that only a deployment can answer:
see `deployed_checks.py`.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3

import deployed_checks
from deployed_checks import wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / ".aws-sam" / "emulator"
REGION = "us-east-1"
STACK = "plinth-test"
STAGE = "test"
# The selection of `make test`, so that nothing is compiled a second time.
SUITE = ["cargo", "test", "--locked", "--workspace", "--test", "e2e"]
ADAPTERS = ["cargo", "test", "--locked", "--workspace", "--test", "adapters", "--", "--ignored"]


def main():
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Also where the shell has told its background jobs to ignore them.
        signal.signal(number, signal.default_int_handler)
    WORK.mkdir(parents=True, exist_ok=True)
    port = arguments.port or free_port()
    endpoint = f"http://127.0.0.1:{port}"
    environment = client_environment(endpoint)
    with emulator(port, endpoint, keep=arguments.keep) as log:
        try:
            if not arguments.no_build:
                step("Building the functions")
                sam(environment, "build", "--config-env", "emulator")
            step("Deploying")
            deploy(environment)
            url = address(endpoint)
            step("Waiting for the API")
            wait_for("an answer of the deployed API", lambda: answers(url))
            say(f"deployed at {url}")
            if arguments.keep:
                wait_for_the_end(deployed_checks.Deployed(endpoint, REGION, STAGE), url)
                return
            test(arguments, environment, url, endpoint)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt):
                show_logs(endpoint, log)
            raise
    step("Passed")


def test(arguments, environment, url, endpoint):
    deployed = deployed_checks.Deployed(endpoint, REGION, STAGE)
    step("Running the end-to-end suite")
    email, password = deployed.make_operator()
    suite = {
        **environment,
        "PLINTH_URL": url,
        "PLINTH_MAIL_URL": endpoint,
        "PLINTH_OPERATOR_EMAIL": email,
        "PLINTH_OPERATOR_PASSWORD": password,
    }
    run(arguments.suite or SUITE, suite)
    step("Running the tests of the adapters")
    run(ADAPTERS, environment)
    for check in deployed_checks.CHECKS:
        step(check.__doc__)
        check(deployed)
    step("A deployment of the same changes nothing")
    before = deployed.function_versions()
    deploy(environment)
    assert deployed.function_versions() == before, "functions were touched"
    step("A deployment of one changed service changes only its functions")
    for binary in (ROOT / ".aws-sam" / "build").glob("Tenant/*/bootstrap"):
        # Behind the end of an ELF file, nothing is read: the same program, but another zip.
        with open(binary, "ab") as file:
            file.write(b"\0")
    deploy(environment)
    after = deployed.function_versions()
    changed = {name for name in before if before[name] != after[name]}
    expected = {name for name in before if name.startswith(f"plinth-{STAGE}-tenant-")}
    assert changed == expected, f"changed: {sorted(changed)}"
    assert answers(url), "the API does not answer any more"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, help="port of the emulator (default: a free one)")
    parser.add_argument("--keep", action="store_true", help="deploy, then leave the emulator running until Ctrl-C")
    parser.add_argument("--no-build", action="store_true", help="deploy what `sam build` has built before")
    parser.add_argument("suite", nargs="*", help="another command for the end-to-end suite, after `--`")
    return parser.parse_args()


# ---- The emulator -----------------------------------------------------------------------------------


@contextlib.contextmanager
def emulator(port, endpoint, keep):
    """A running emulator, which enforces IAM."""
    step("Starting the emulator")
    if responds(f"{endpoint}/_ministack/ready"):
        raise RuntimeError(f"another emulator runs at {endpoint}")
    python = ROOT / ".venv-emu" / "bin" / "python"
    log = WORK / "emulator.log"
    # Functions inherit everything: nothing of the caller's may get in, least of all AWS credentials.
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(WORK),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
    }
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [python, ROOT / "local" / "emulator.py"],
            env=environment, cwd=WORK, stdout=output, stderr=subprocess.STDOUT,
        )
    try:
        wait_for("the emulator", lambda: process.poll() is not None or responds(f"{endpoint}/_ministack/ready"))
        if process.poll() is not None:
            raise RuntimeError(f"the emulator ended at once:\n{log.read_text()}")
        say(f"ready at {endpoint}, process {process.pid}, log {log.relative_to(ROOT)}")
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()


def client_environment(endpoint):
    """The environment of commands that talk to the emulator; its root user has the key `test`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "ARCH": "host",
    }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- The deployment ---------------------------------------------------------------------------------


def deploy(environment):
    sam(environment, "deploy", "--config-env", "emulator")


def address(endpoint):
    stacks = client("cloudformation", endpoint).describe_stacks(StackName=STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    return f"{endpoint}/_aws/execute-api/{outputs['ApiId']}"


def client(service, endpoint):
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION,
        aws_access_key_id="test", aws_secret_access_key="test",
    )


def sam(environment, *arguments):
    run([shutil.which("sam") or "sam", *arguments], environment)


def run(command, environment):
    say("$ " + " ".join(map(str, command)))
    started = time.monotonic()
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    say(f"took {time.monotonic() - started:.0f} s")


def answers(url):
    return responds(f"{url}/.well-known/jwks.json")


def responds(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


# ---- For people -------------------------------------------------------------------------------------


def wait_for_the_end(deployed, url):
    email, password = deployed.make_operator()
    operator = {"email": email, "password": password}
    say(json.dumps({"ready": True, "url": url, "endpoint": deployed.endpoint, "operator": operator}))
    say("Ctrl-C ends it")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def show_logs(endpoint, log):
    """What the functions and the emulator said last."""
    step("Logs")
    try:
        logs = client("logs", endpoint)
        for group in logs.describe_log_groups()["logGroups"]:
            events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
            for event in events[-40:]:
                print(f"{group['logGroupName']}: {event['message'].rstrip()}")
    except Exception as error:  # The emulator may be what failed.
        say(f"the functions' logs cannot be read: {error}")
    print("\n".join(log.read_text(errors="replace").splitlines()[-60:]))


def step(text):
    print(f"\n==> {text}", flush=True)


def say(text):
    print(f"    {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
        sys.exit(f"\nFailed: {error}")
