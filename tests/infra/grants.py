"""Who may do what, read from a template and said in short names."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

Resources = dict[str, Any]

# What the stack calls by a logical id, by how the id begins; CDK ends each in eight digits.
NAMES = {
    "StorageImages": "images",
    "StorageDerived": "derived",
    "StorageModels": "models",
    "StorageInteractions": "interactions",
    "StoragePage": "page",
    "StorageLogs": "logs",
    "StorageKey": "key",
    "InteractionsSigning": "secret signing",
    "InteractionsDeliveryStream": "stream",
    "InteractionsLakeDatabase": "lake",
    "InteractionsLakeTable": "interactions",
    "InteractionsLakeWorkgroup": "workgroup",
    "InteractionsDeliveryLogs": "log delivery",
    "InteractionsDeliveryS3": "s3",
    "InteractionsDeliveryRole": "role delivery",
    "EmbedChanges": "queue changes",
    "EmbedDeadLetters": "queue dead letters",
    "EmbedEmbedLogs": "log embed",
    "EmbedEmbedRole": "role embed",
    "EmbedFunction": "function embed",
    "ApiRestCloudWatchRole": "role api logs",
    "ApiRest": "api",
    "ApiKey": "api key",
    "PageDistribution": "distribution",
    "LearningNews": "topic news",
    "LearningMachine": "machine",
    "LearningTrainer": "role trainer",
    "LearningRole": "role machine",
    "LearningStarter": "role starter",
    "WatchingAlarm": "topic alarms",
    "WatchingClockReconcileRole": "role reconcile clock",
    "WatchingClockCanaryRole": "role canary clock",
    "CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C256MiBServiceRole": "role publishing",
    "CustomS3AutoDeleteObjectsCustomResourceProviderRole": "role emptying",
}
FUNCTIONS = (
    "search", "catalogue", "interactions", "metrics",
    "learning", "deployment", "reconcile", "canary",
)  # fmt: skip
for _one in FUNCTIONS:
    _id = f"Functions{_one.capitalize()}"
    NAMES |= {
        f"{_id}Role": f"role {_one}",
        f"{_id}Logs": f"log {_one}",
        f"{_id}Live": f"function {_one}:live",
        f"{_id}ReleaseServiceRole": f"role {_one} release",
        _id: f"function {_one}",
    }
# Words that every ARN of this account and region has.
PLACE = re.compile(r"-?<AWS::(Region|AccountId)>")
SECRET = re.compile(r"secretsmanager secret:…/(?P<name>.+)-\?{6}")
ARN = re.compile(r"arn:<AWS::Partition>:(?P<service>[a-z0-9-]+)::*(?P<rest>.*)")


class Grant(NamedTuple):
    """who: a role of ours, or a service of AWS. when: what a condition asks about."""

    who: str
    action: str
    resource: str
    when: str = ""


def grants(resources: Resources, environment: str) -> set[Grant]:
    """Everything that any policy of the template allows, one action on one resource each."""
    return {
        grant._replace(resource=_shorter(grant.resource, environment))
        for logical_id, resource in resources.items()
        for grant in _of(logical_id, resource["Type"], resource.get("Properties", {}))
    }


def denials(resources: Resources) -> list[dict[str, Any]]:
    """The statements that deny; their resources in short names."""
    found = []
    for resource in resources.values():
        policy = resource.get("Properties", {}).get("PolicyDocument", {})
        for one in policy.get("Statement", []):
            if one["Effect"] == "Deny":
                names = [text(target) for target in _list(one["Resource"])]
                found.append({**one, "Resource": names})
    return found


def who_may(allowed: set[Grant], action: str, resource: str) -> set[str]:
    """Both may be patterns, as those of the policies may."""
    return {
        one.who
        for one in allowed
        if (fnmatchcase(one.action, action) or fnmatchcase(action, one.action))
        and (fnmatchcase(one.resource, resource) or fnmatchcase(resource, one.resource))
    }


def name(logical_id: str) -> str:
    """The id itself for what has no short name: then a test says so."""
    return NAMES.get(logical_id[:-8], logical_id)


def text(value: Any) -> str:
    """An intrinsic function as text: <short name> for what it refers to."""
    if isinstance(value, str):
        return value
    (function, given), *more = value.items()
    if more:
        raise AssertionError(f"no intrinsic function: {value}")
    if function == "Ref":
        return f"<{given}>" if "::" in given else name(given)
    if function == "Fn::GetAtt":
        return name(given[0])
    if function == "Fn::Join":
        return str(given[0].join(text(part) for part in given[1]))
    if function == "Fn::Sub":
        return str(given).replace("${", "<").replace("}", ">")
    raise AssertionError(f"{function} is not understood here")


def _of(logical_id: str, kind: str, given: dict[str, Any]) -> Iterator[Grant]:
    if kind == "AWS::IAM::Policy":
        for role in given["Roles"]:
            yield from _statements(given["PolicyDocument"], text(role))
    elif kind == "AWS::IAM::Role":
        yield from _role(name(logical_id), given)
    elif kind == "AWS::Lambda::Permission":
        condition = "source" if "SourceArn" in given else ""
        who = _service(given["Principal"])
        yield Grant(who, given["Action"], text(given["FunctionName"]), condition)
    elif kind == "AWS::KMS::Key":
        for grant in _statements(given["KeyPolicy"]):
            yield grant._replace(resource=name(logical_id))
    elif "PolicyDocument" in given:
        yield from _statements(given["PolicyDocument"])


def _role(role: str, given: dict[str, Any]) -> Iterator[Grant]:
    """Who may take it, which policies of AWS's it has, and what is written in it."""
    for grant in _statements({"Statement": given["AssumeRolePolicyDocument"]["Statement"]}, ""):
        yield grant._replace(resource=role)
    for policy in given.get("ManagedPolicyArns", []):
        yield Grant(role, "managed", text(policy).rsplit("/", 1)[-1])
    for policy in given.get("Policies", []):
        yield from _statements(policy["PolicyDocument"], role)


def _statements(document: dict[str, Any], who: str = "") -> Iterator[Grant]:
    for one in document["Statement"]:
        if one["Effect"] != "Allow":
            continue
        tests = one.get("Condition", {}).values()
        asked = " ".join(sorted({key.removeprefix("aws:") for test in tests for key in test}))
        for principal in [who] if who else _principals(one["Principal"]):
            for action in _list(one["Action"]):
                for resource in _list(one.get("Resource", "")):
                    yield Grant(principal, action, text(resource), asked)


def _principals(given: Any) -> list[str]:
    if given == "*":
        return ["anybody"]
    return [_service(text(one)) for kind in given.values() for one in _list(kind)]


def _service(principal: str) -> str:
    if principal == "arn:<AWS::Partition>:iam::<AWS::AccountId>:root":
        return "account"  # whoever the account's own policies allow it
    return principal.removesuffix(".amazonaws.com")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _shorter(resource: str, environment: str) -> str:
    """Without what is the same in every ARN; the environment's own name as …"""
    if match := ARN.fullmatch(PLACE.sub("", resource)):
        resource = f"{match['service']} {match['rest']}".rstrip()
    for ours in (f"lookalike-{environment}", f"lookalike/{environment}"):
        resource = resource.replace(ours, "…")
    return SECRET.sub(r"secret \g<name>", resource)
