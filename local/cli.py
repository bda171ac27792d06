"""The command line: runs one command. Everything heavy is imported by the command that runs."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from local.commands import parser
from local.console import tell
from local.trouble import INTERRUPTED, Trouble

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 ok, 1 failed, 2 usage, 3 some pictures rejected."""
    asked = parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a file name may hold bytes that are no text
            stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    try:
        return _command(asked.run)(asked)
    except Trouble as trouble:
        return _fail(str(trouble), trouble.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("LOOKALIKE_DEBUG"):
            raise
        return _fail(_sentence(error), 1)


def _fail(sentence: str, exit_code: int) -> int:
    tell(f"lookalike: {sentence}")
    return exit_code


def _sentence(error: Exception) -> str:
    """What we raise on purpose speaks for itself; of anything else there is more to see."""
    from lookalike.errors import LookalikeError

    said = str(error) or type(error).__name__
    on_purpose = isinstance(error, LookalikeError)
    return said if on_purpose else f"{said} (LOOKALIKE_DEBUG=1 shows more.)"


def _command(name: str) -> Command:
    module, _, function = name.partition(":")
    command: Command = getattr(importlib.import_module(f"local.{module}"), function)
    return command


if __name__ == "__main__":
    sys.exit(main())
