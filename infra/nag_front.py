"""What cdk-nag finds at the API and the page, and why it is accepted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from infra.api import ROUTES, STAGE, Auth, auth_of
from infra.environment import Environment
from infra.nag_accepted import Accepted

if TYPE_CHECKING:
    from infra.lookalike import Lookalike

REST = "Api/Rest"
DISTRIBUTION = "Page/Distribution/Resource"

VALIDATED = (
    "The functions check every field and answer 422 with a pointer to each mistake, alike on a "
    "laptop and here. A model of API Gateway would answer the same mistakes in other words."
)
NO_FIREWALL = (
    "This environment's file turned the firewall off, which costs money while idle. The usage "
    "plan and the stage's own throttle hold all the same."
)
NO_POOL = (
    "Callers are services that sign with IAM, or apps that hold an API key. There are no users "
    "with passwords, so there is no user pool."
)
BY_KEY = (
    "API Gateway asks for an API key with a usage plan, as this environment's file chose. The "
    "rule does not count that as authorization."
)
BY_SIGNATURE = (
    "A page that is left can send by sendBeacon only, without a header, so none is asked for. An "
    "event counts only with a query_id that we signed, that has not expired and names the image."
)
LOG_ROLE = (
    "API Gateway tests the account's log role for what this managed policy allows, and writes no "
    "log with less. The role serves all APIs of the account and reads nothing."
)
EVERYWHERE = "The page is for visitors of every country: none is left out, by design."
NO_FIREWALL_AT_EDGES = (
    "A firewall of CloudFront can only live in us-east-1, and a stack may live elsewhere. Ours "
    "guards the API's stage, where all work is done; files and thumbnails are only read."
)
LOGGED_OTHERWISE = (
    "Visits are logged by CloudWatch's delivery of standard logs, version 2, where CloudFront "
    "offers it. The rule knows only version 1, which needs a bucket with access control lists."
)
OWN_CERTIFICATE = (
    "Without a domain of its own the page is under CloudFront's certificate, for which AWS lets "
    "nobody choose the TLS policy. With a domain in the environment's file it is TLS 1.2."
)


def accepted(stack: "Lookalike") -> Iterator[Accepted]:
    yield from _api(stack.chosen)
    yield from _methods(stack.chosen)
    yield from _page(stack.chosen)


def _api(environment: Environment) -> Iterator[Accepted]:
    yield Accepted(f"{REST}/Resource", "APIG2", VALIDATED)
    if not environment.api.waf:
        yield Accepted(f"{REST}/DeploymentStage.{STAGE}/Resource", "APIG3", NO_FIREWALL)
    if environment.api.account_log_role:
        policy = "AmazonAPIGatewayPushToCloudWatchLogs"
        managed = f"arn:<AWS::Partition>:iam::aws:policy/service-role/{policy}"
        yield Accepted(f"{REST}/CloudWatchRole/Resource", f"IAM4[Policy::{managed}]", LOG_ROLE)


def _methods(environment: Environment) -> Iterator[Accepted]:
    """What is signed is authorized by IAM: there only the user pool is missed."""
    why_open: dict[Auth, str] = {"api_key": BY_KEY, "none": BY_SIGNATURE}
    for route in ROUTES:
        auth = auth_of(route, environment)
        if auth == "off":
            continue
        method = f"{REST}/Default{route.path}/{route.method}/Resource"
        yield Accepted(method, "COG4", NO_POOL)
        if auth in why_open:
            yield Accepted(method, "APIG4", why_open[auth])


def _page(environment: Environment) -> Iterator[Accepted]:
    yield Accepted(DISTRIBUTION, "CFR1", EVERYWHERE)
    yield Accepted(DISTRIBUTION, "CFR2", NO_FIREWALL_AT_EDGES)
    yield Accepted(DISTRIBUTION, "CFR3", LOGGED_OTHERWISE)
    if not environment.page.domain:
        yield Accepted(DISTRIBUTION, "CFR4", OWN_CERTIFICATE)
