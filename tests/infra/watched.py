"""What a template says about alarms, schedules and permissions, in fewer words."""

import re
from collections.abc import Callable, Iterator
from typing import Any

Resources = Callable[[str], dict[str, Any]]


def of(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Properties by logical id."""
    return {logical: one["Properties"] for logical, one in resources.items() if one["Type"] == kind}


def alarms(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return list(of(resources, "AWS::CloudWatch::Alarm").values())


def alarm(resources: dict[str, Any], section: str) -> dict[str, Any]:
    (found,) = (one for one in alarms(resources) if f"#{section}" in one["AlarmDescription"])
    return found


def stats(alarm: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of every metric that an alarm watches."""
    metrics = [
        one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one
    ]
    for one in metrics or [alarm]:
        dimensions = {each["Name"]: each["Value"] for each in one.get("Dimensions", [])}
        yield one["Namespace"], one["MetricName"], dimensions


def schedules(resources: dict[str, Any]) -> dict[str, str]:
    """When a function is called, by the logical id of the function."""
    return {
        one["Target"]["Arn"]["Fn::GetAtt"][0]: one["ScheduleExpression"]
        for one in of(resources, "AWS::Scheduler::Schedule").values()
        if "Functions" in str(one["Target"]["Arn"])
    }


def function(resources: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    ((logical, properties),) = (
        (logical, one)
        for logical, one in of(resources, "AWS::Lambda::Function").items()
        if one.get("Handler") == f"functions.{name}.handler.lambda_handler"
    )
    return logical, properties


def permitted(resources: dict[str, Any], name: str) -> set[str]:
    """Every action that a function's role has, but for logs and traces."""
    role = function(resources, name)[1]["Role"]["Fn::GetAtt"][0]
    found = set[str]()
    for policy in of(resources, "AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Roles"]:
            for one in policy["PolicyDocument"]["Statement"]:
                actions = one["Action"]
                found.update([actions] if isinstance(actions, str) else actions)
    return {one for one in found if not one.startswith(("logs:", "xray:"))}


def sections(alarms: list[dict[str, Any]]) -> set[str]:
    """Of the runbook: each alarm names one at its end."""
    return {
        re.findall(r"Runbook: docs/operations\.md#([a-z-]+)$", one["AlarmDescription"])[0]
        for one in alarms
    }
