"""Which findings of cdk-nag we accept, where, and why."""

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from infra import nag_front, nag_roles
from infra.nag_accepted import Accepted

if TYPE_CHECKING:
    from infra.lookalike import Lookalike

PYTHON = (
    "Layer, zips and image are installed from one lock, whose packages are tested on Python 3.11 "
    "to 3.13. It moves on when they are tested on the next one."
)
SIGNING = (
    "Every answer of the last day is signed with this key. So a second key is added beside it and "
    "the first is taken away a day later, by hand as docs/security.md says; a rotation that "
    "replaces the secret would make them all nameless."
)
# Not of cdk-nag, but of CDK itself, of every function with SnapStart.
SNAPSTART = "Annotation::@aws-cdk/aws-lambda:snapStartRequirePublish"
PUBLISHED = "The API calls the function by an alias, which names a published version."


def acknowledge(stack: "Lookalike") -> None:
    """Nothing is accepted for the whole stack that is true of one resource.

    Raises LookupError for a place that is not in the stack: what has gone needs no excuse.
    """
    for one in accepted(stack):
        cdk.Validations.of(_construct(stack, one.where)).acknowledge(
            cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{one.rule}", reason=one.reason)
        )
    if stack.chosen.search.snapstart:
        cdk.Validations.of(stack.functions.all["search"]).acknowledge(
            cdk.Acknowledgment(id=SNAPSTART, reason=PUBLISHED)
        )


def accepted(stack: "Lookalike") -> tuple[Accepted, ...]:
    return tuple(chain(nag_front.accepted(stack), nag_roles.accepted(stack), _others(stack)))


def _others(stack: "Lookalike") -> Iterator[Accepted]:
    for name in stack.functions.all:
        yield Accepted(f"Functions/{name.capitalize()}/Resource", "L1", PYTHON)
    yield Accepted("Interactions/Signing/Resource", "SMG4", SIGNING)


def _construct(stack: cdk.Stack, where: str) -> Construct:
    found: Construct = stack
    for name in where.split("/"):
        child = found.node.try_find_child(name)
        if child is None:
            raise LookupError(f"infra/nag.py accepts something of {where}, which is not there.")
        found = child
    return found
