"""Give changes that were set aside another chance: python -m infra.redrive dev [--yes]."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import boto3

from infra.environment import environment, environments

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SAMPLE = 10  # SQS hands out no more at once
PAUSE_SECONDS = 2.0
UNDER_WAY = {"RUNNING", "CANCELLING"}


class Stuck(Exception):
    """Nothing was moved, or not everything; the message says what to do."""


@dataclass(frozen=True)
class Queues:
    """URLs. Changes that fail go from `changes` to `dead_letters`."""

    changes: str
    dead_letters: str


def queues_of(cloudformation: Any, environment: str) -> Queues:
    """Raises Stuck where the environment was not deployed by this account in this region."""
    name = f"Lookalike-{environment}"
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        raise Stuck(f"{name}: {error.response['Error']['Message']}") from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    try:
        return Queues(outputs["ChangesQueue"], outputs["DeadLetterQueue"])
    except KeyError as error:
        raise Stuck(f"{name} has no output {error}; deploy it first.") from error


class Redrive:
    """Moves messages as they are. Embed looks at the bucket, not at the message: moving one twice,
    or long after the picture changed again, is harmless."""

    def __init__(
        self, sqs: "SQSClient", queues: Queues, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.sqs = sqs
        self.queues = queues
        self.sleep = sleep

    def waiting(self) -> int:
        """About how many, as SQS counts; one that is being looked at counts too."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        counted = self._attributes(self.queues.dead_letters, *names)
        return sum(int(counted[name]) for name in names)

    def sample(self) -> list[str]:
        """Keys of some of the changes. The messages stay visible, and where they are."""
        answer = self.sqs.receive_message(
            QueueUrl=self.queues.dead_letters, MaxNumberOfMessages=SAMPLE, VisibilityTimeout=0
        )
        return [key for one in answer.get("Messages", []) for key in keys_of(one["Body"])]

    def start(self) -> None:
        """One task at a time: where one is under way, it is the one to follow."""
        if self._task().get("Status") not in UNDER_WAY:
            self.sqs.start_message_move_task(
                SourceArn=self._arn(self.queues.dead_letters),
                DestinationArn=self._arn(self.queues.changes),
            )

    def follow(self, say: Callable[[str], None]) -> int:
        """Wait until the newest task has ended; how many it moved. Raises Stuck if it failed."""
        while (task := self._task()).get("Status") in UNDER_WAY:
            say(f"{task.get('ApproximateNumberOfMessagesMoved', 0)} moved")
            self.sleep(PAUSE_SECONDS)
        if task.get("Status") != "COMPLETED":
            reason = task.get("FailureReason", "no reason given")
            raise Stuck(f"The move ended as {task.get('Status', 'unknown')}: {reason}.")
        return int(task.get("ApproximateNumberOfMessagesMoved", 0))

    def _task(self) -> dict[str, Any]:
        source = self._arn(self.queues.dead_letters)
        found = self.sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)
        return dict(next(iter(found.get("Results", [])), {}))

    def _arn(self, url: str) -> str:
        return self._attributes(url, "QueueArn")["QueueArn"]

    def _attributes(self, url: str, *names: str) -> dict[str, str]:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        return dict(answer["Attributes"])


def keys_of(body: str) -> list[str]:
    """Of an event as S3 writes it. Whatever else lies in the queue is shown as it begins."""
    try:
        records = json.loads(body)["Records"]
        return [unquote_plus(one["s3"]["object"]["key"]) for one in records]
    except (ValueError, KeyError, TypeError):
        return [f"no event of S3: {body[:60]}"]


def run(
    redrive: Redrive, *, agreed: bool, ask: Callable[[str], str], say: Callable[[str], None]
) -> None:
    """Show what waits, ask, move it, and tell how it went. Raises Stuck."""
    count = redrive.waiting()
    if not count:
        say("No change was set aside.")
        return
    say(f"About {count} changes were set aside, of these images among others:")
    for key in sorted(set(redrive.sample())):
        say(f"  {key}")
    say("Why is in the embed function's log: docs/operations.md#changes-were-set-aside")
    if not agreed and ask("Move them back to be tried again? [y/N] ").strip().lower() != "y":
        say("Nothing was moved.")
        return
    redrive.start()
    moved = redrive.follow(say)
    say(f"{moved} moved. What fails again comes back here and raises the alarm once more.")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="infra.redrive", description=__doc__)
    parser.add_argument("environment", choices=environments())
    parser.add_argument("--yes", action="store_true", help="do not ask")
    chosen = parser.parse_args(arguments)
    region = environment(chosen.environment).region or None  # else the command line's
    try:
        queues = queues_of(boto3.client("cloudformation", region), chosen.environment)
        run(Redrive(boto3.client("sqs", region), queues), agreed=chosen.yes, ask=input, say=print)
    except Stuck as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
