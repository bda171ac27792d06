"""Names for answers: each is signed, expires, and says what was shown where."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from aws_lambda_powertools import Logger

from lookalike.errors import DependencyError
from lookalike.ranking import Result
from lookalike.signing import SigningKeys
from lookalike.tokens import RefusedToken, Shown, SignedAnswer, sign, verify

# A page left open overnight still counts; a name that leaked is worth a day, and a signing key
# that was replaced can go a day later.
LIFETIME = timedelta(hours=24)

logger = Logger()


class Naming:
    """Mints the query_id of an answer, and reads it when an interaction brings it back.

    Each answer leaves a line in the log: who shows what is known also where nobody reports it. The
    line is written before the answer goes out, for Lambda freezes what runs after it.
    """

    def __init__(
        self, keys: SigningKeys, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.keys = keys
        self.now = now

    def mint(
        self, model: str, policy: str, anchor_image_id: str | None, results: Sequence[Result]
    ) -> str:
        """Never fails: where it cannot sign, the name is one that no interaction can use."""
        query_id = str(uuid4())
        try:
            key_id, key = self.keys.current()
            answer = SignedAnswer(
                query_id,
                anchor_image_id,
                model,
                policy,
                self.now(),
                LIFETIME,
                tuple(
                    Shown(one.candidate.image.image_id, one.position, one.slot, one.propensity)
                    for one in results
                ),
            )
            token = sign(answer, key_id, key)
        except (DependencyError, ValueError, OverflowError) as error:
            logger.warning("an answer goes out unsigned", reason=str(error))
            return query_id
        _log(answer)
        return token

    def read(self, token: str) -> SignedAnswer:
        """Raises RefusedToken; DependencyError when the keys cannot be read."""
        answer = verify(token, self.keys.find)
        if answer.expires_at <= self.now():
            raise RefusedToken("expired_query")
        return answer


def _log(answer: SignedAnswer) -> None:
    logger.info(
        "answer",
        query_id=answer.query_id,
        anchor_image_id=answer.anchor_image_id,
        model=answer.model,
        policy=answer.policy,
        shown=[one.image_id for one in answer.results],
    )
