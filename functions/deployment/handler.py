"""CloudFormation made, changed or removes the stack: the first model, and its collection."""

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.deployment.answering import answer, within
from lookalike import wiring

SPARE_SECONDS = 15  # to send the answer in, three times if need be

logger = Logger()
tracer = Tracer()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers whatever happens: a stack that hears nothing waits for an hour.

    Nothing is built before: a secret that cannot be read must have its answer too.
    """
    removing = event["RequestType"] == "Delete"
    seconds = context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    try:
        done = within(seconds, lambda: _remove(event) if removing else _prepare())
    except Exception as error:  # of any kind: see above
        logger.exception("failed", request=event["RequestType"])
        # A stack that cannot be removed is worse than a collection that is left behind.
        return answer(event, succeeded=removing, reason=str(error) or type(error).__name__)
    logger.info("done", request=event["RequestType"], **done)
    return answer(event, succeeded=True, data=done)


def _prepare() -> dict[str, Any]:
    return {"live": wiring.deployment().prepare()}


def _remove(event: dict[str, Any]) -> dict[str, Any]:
    if event.get("ResourceProperties", {}).get("OnDelete") != "drop":
        return {"dropped": ""}
    return {"dropped": ",".join(wiring.deployment().remove())}
