"""The keys that answers are signed with, by id.

To rotate, add a key and make it current; take the old one away a day later, when the answers that
it signed have expired.
"""

import json
import math
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.errors import DependencyError, SigningKeysUnavailable

CURRENT = "current"
SHAPE = '{"current": "ID", "ID": "KEY", …}'
MIN_KEY_CHARACTERS = 32  # Secrets Manager's own default for a random secret
# How soon a key that was made current signs. Whoever verifies looks again at once for an unknown
# id, but so often at most: anybody can send unknown ids.
KEPT_SECONDS = 600
LOOK_AGAIN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every key by its id, and the id of the one that signs."""

    current: str
    keys: Mapping[str, bytes]

    @classmethod
    def of(cls, document: Any) -> "Keyring":
        """From JSON as SHAPE says. Raises ValueError, TypeError or KeyError."""
        if not isinstance(document, dict):
            raise TypeError("it is no object")
        if not all(isinstance(value, str) for value in document.values()):
            raise TypeError("a key is no text")
        keys = {key_id: key.encode() for key_id, key in document.items()}
        current = document[CURRENT]
        del keys[CURRENT]
        if any(len(key) < MIN_KEY_CHARACTERS for key in keys.values()):
            raise ValueError(f"a key has fewer than {MIN_KEY_CHARACTERS} characters")
        if current not in keys:
            raise ValueError("the current key is missing")
        return cls(current, keys)


class SigningKeys:
    """The keyring, read when first needed and now and then again; the old one outlives trouble.

    read: gives them as they are now; raises DependencyError.
    now: seconds of a clock that restoring a snapshot does not turn back.
    """

    def __init__(self, read: Callable[[], Keyring], now: Callable[[], float] = time.time) -> None:
        self.read = read
        self.now = now
        self._ring: Keyring | None = None
        self._read_at = self._tried_at = -math.inf

    def current(self) -> tuple[str, bytes]:
        """The id and the key to sign with. Raises DependencyError when none was ever read."""
        ring = self._at_most(KEPT_SECONDS)
        return ring.current, ring.keys[ring.current]

    def find(self, key_id: str) -> bytes | None:
        """Raises DependencyError when no key was ever read."""
        known = self._at_most(KEPT_SECONDS).keys.get(key_id)
        return known or self._at_most(LOOK_AGAIN_SECONDS).keys.get(key_id)

    def expire(self) -> None:
        """Read them again before they are used next."""
        self._read_at = self._tried_at = -math.inf

    def _at_most(self, seconds: float) -> Keyring:
        """The keyring, of this age if it can be read."""
        now = self.now()
        fresh = self._ring is not None and 0 <= now - self._read_at < seconds
        if not fresh and not 0 <= now - self._tried_at < LOOK_AGAIN_SECONDS:
            self._tried_at = now
            try:
                self._ring = self.read()
                self._read_at = now
            except DependencyError:
                if self._ring is None:
                    raise
        if self._ring is None:
            raise SigningKeysUnavailable("The signing keys could not be read a moment ago.")
        return self._ring


class SigningFile:
    """A keyring in a file here, made with a fresh key if there is none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Keyring:
        """Raises SigningKeysUnavailable. Of two processes that both make one, one's is kept."""
        try:
            if not self.path.exists():
                self._make()
            return Keyring.of(json.loads(self.path.read_text()))
        except OSError as error:
            words = f"Cannot read or make {self.path}: {error.strerror}."
            raise SigningKeysUnavailable(words) from error
        except (ValueError, TypeError, KeyError):
            words = f"{self.path} is not of the form {SHAPE}: write it so, or remove it."
            raise SigningKeysUnavailable(words) from None  # the cause would show what it holds

    def _make(self) -> None:
        """Whole and readable by its owner alone from the moment it has its name."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        ring = {CURRENT: "k1", "k1": secrets.token_urlsafe(32)}
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(json.dumps(ring) + "\n")
                file.flush()
                os.fsync(file.fileno())
            _name(beside, self.path)
        finally:
            beside.unlink(missing_ok=True)


def _name(beside: Path, path: Path) -> None:
    """Unlike a rename, a link never replaces what another process put there first."""
    try:
        os.link(beside, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links, such as a memory card's
        beside.replace(path)
