"""Secrets of AWS Secrets Manager, read at run time and never kept for long."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from botocore.exceptions import ClientError

from lookalike.aws_faults import AWS_FAULTS, required
from lookalike.deadline import refreshing
from lookalike.errors import OutOfTime, SecretUnavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

T = TypeVar("T")

SECRET_SECONDS = 300.0  # how long a rotated secret may go unnoticed; both must work for so long
RETRY_SECONDS = 30.0  # how often to ask again while Secrets Manager does not answer
ABSENT = {"ResourceNotFoundException", "InvalidRequestException"}  # the latter: being deleted


class Secret(Generic[T]):
    """One secret, a JSON document, as the object that `parse` makes of it.

    shape: the document as a person would write it, for the sentence that says what is missing.
    parse: raises ValueError, TypeError or KeyError for any other document. Its words are not
    repeated, and neither is the document: they may hold the secret.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        name: str,
        shape: str,
        parse: Callable[[Any], T],
        clock: Callable[[], float] = time.time,  # restoring a snapshot does not turn it back
    ) -> None:
        self.client = client
        self.name = name
        self.shape = shape
        self._parse = parse
        self._clock = clock
        self._value: T | None = None
        self._due = 0.0  # when to read it again, by the clock; meaningless without a value

    def read(self) -> T:
        """The secret at most SECRET_SECONDS old, or older while Secrets Manager does not answer.

        Raises SecretUnavailable when there is none, also after there was one: whoever deleted or
        mangled it should hear of it now, not from the next process that starts.
        """
        if self._value is not None and self._clock() < self._due:
            return self._value
        try:
            with nullcontext() if self._value is None else refreshing():
                document = self._document()
        except (*AWS_FAULTS, OutOfTime) as error:
            code = _code(error)
            if self._value is None or code in ABSENT:
                raise SecretUnavailable(self._advice(code)) from error
            self._due = self._clock() + RETRY_SECONDS
            return self._value
        try:
            self._value = self._parse(json.loads(document))
        except (ValueError, TypeError, KeyError):
            self._value = None
            words = f"The secret {self.name} is not of the form {self.shape}: write it so."
            raise SecretUnavailable(words) from None  # the cause would show what it holds
        self._due = self._clock() + SECRET_SECONDS
        return self._value

    def expire(self) -> None:
        """Read it again before it is used next."""
        self._due = float("-inf")

    def _document(self) -> str:
        """A secret of bytes is none of ours: an empty document has the wrong form."""
        answer = self.client.get_secret_value(SecretId=self.name)
        required(answer, "ARN")  # else nobody knows whether the secret has changed
        return answer.get("SecretString", "")

    def _advice(self, code: str) -> str:
        if code in ABSENT:
            return f"There is no secret {self.name}: create it, as {self.shape}."
        if code == "AccessDeniedException":
            return f"The secret {self.name} may not be read: allow secretsmanager:GetSecretValue."
        return f"Secrets Manager did not answer for {self.name}: {code}"


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return str(error)
