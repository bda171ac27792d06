"""One step of the learning run; the state machine says which, and in which order."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from lookalike import wiring
from lookalike.errors import InvalidRequest
from lookalike.learning import Order

Event = dict[str, Any]
Answer = Mapping[str, Any]

logger = Logger()
tracer = Tracer()
learning = wiring.learning()
reindex = wiring.reindex()


def _judge(event: Event) -> Answer:
    accepted, reason = learning.judge(event["model"], event["verdict"])
    return {"accepted": accepted, "reason": reason}


def _verify(event: Event) -> Answer:
    found = reindex.verify(event["model"])
    return {**asdict(found), "ready": found.ready, "problems": [*found.problems]}


STEPS: dict[str, Callable[[Event], Answer]] = {
    "start": lambda e: asdict(learning.start(Order.of(e))),
    "register": lambda e: {"model": learning.register(e["model"], e["artifact"])},
    "judge": _judge,
    "nominate": lambda e: {"model": reindex.nominate(e["model"], e.get("share"))},
    "fill": lambda e: learning.fill(e["BatchInput"]["model"], [one["Key"] for one in e["Items"]]),
    "verify": _verify,
    "switch": lambda e: reindex.switch(e["model"]).as_json(),
    "admit": lambda e: reindex.admit(e["model"]).as_json(),
    "abandon": lambda e: {"live": reindex.abandon(e["model"])},
    "rollback": lambda e: reindex.rollback(e.get("model")).as_json(),
    "retire": lambda e: {"retired": [*reindex.retire()]},
    "finish": lambda e: learning.finish(e["execution"]),
}


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: Event, context: LambdaContext) -> Answer:
    step = STEPS.get(event.get("step", ""))
    if step is None:
        raise InvalidRequest("/step", f"{event.get('step')!r} is not one of {', '.join(STEPS)}.")
    try:
        answer = step(event)
    except KeyError as error:
        raise InvalidRequest(f"/{error.args[0]}", "is missing") from error
    logger.info("done", step=event["step"], answer=answer)
    return answer
