"""The command line: what can be asked. Everything heavy is imported by the command that runs."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from local.trouble import INTERRUPTED, Trouble

Command = Callable[[argparse.Namespace], int]

DEFAULT_PORT = 8080
MAX_LIMIT = 100  # as the API's


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 ok, 1 failed, 2 usage, 3 some pictures rejected."""
    asked = _parser().parse_args(argv)
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
    print(f"lookalike: {sentence}", file=sys.stderr)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lookalike",
        description="Find the pictures of a folder that look alike. Nothing leaves this machine.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_up(commands)
    _add_index(commands)
    _add_search(commands)
    _add_status(commands)
    _add_doctor(commands)
    _add_clean(commands)
    _add_model(commands)
    _add_evaluate(commands)
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: str, words: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=words, description=words)
    command.set_defaults(run=run)
    command.add_argument(
        "--data", type=Path, metavar="DIR", help="where Lookalike keeps what it knows"
    )
    return command


def _add_up(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = _add(commands, "up", "up:up", "Index a folder, follow its changes, and show it.")
    up.add_argument("folder", type=Path, metavar="DIR", help="the pictures; they are never changed")
    up.add_argument("--port", type=_port, metavar="N", help=f"{DEFAULT_PORT} or one near it")
    up.add_argument("--no-browser", action="store_true", help="do not open the page")


def _add_index(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    index = _add(commands, "index", "up:index", "Index a folder and exit.")
    index.add_argument("folder", type=Path, metavar="DIR", help="the pictures; never changed")
    index.add_argument(
        "--strict", action="store_true", help="exit with 3 when a picture was rejected"
    )


def _add_search(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "Print the indexed pictures that look like this one, the most similar first."
    search = _add(commands, "search", "asking:search", words)
    search.add_argument("image", type=Path, metavar="IMAGE")
    search.add_argument("--limit", type=_limit, metavar="N", help="how many, 24 if not given")
    search.add_argument(
        "--crop", type=_crop, metavar="x,y,w,h", help="only this part, in fractions of its sides"
    )
    search.add_argument("--tags", metavar="a,b", help="only pictures with all of these tags")
    form = search.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the body of POST /v1/search")
    form.add_argument("--paths", action="store_true", help="paths only, for pipes")


def _add_status(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = _add(commands, "status", "asking:status", "What became of every picture.")
    status.add_argument("--json", action="store_true", help="machine-readable")


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    doctor = _add(commands, "doctor", "doctor:doctor", "Check this installation and its data.")
    doctor.add_argument(
        "--redrive", action="store_true", help="try the pictures again that were given up"
    )


def _add_clean(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    clean = _add(commands, "clean", "cleaning:clean", "Remove what Lookalike knows of a folder.")
    clean.add_argument("--yes", action="store_true", help="do not ask")


def _add_model(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "The encoders: list them, add or import one, let one serve, go back to the one before."
    model = commands.add_parser("model", help=words, description=words)
    actions = model.add_subparsers(metavar="ACTION", required=True)
    _add(actions, "list", "models:list_models", "Every model, and who serves.")
    use = _add(actions, "use", "models:use", "Re-embed beside the serving model, then switch.")
    use.add_argument("version", metavar="VERSION")
    _add(actions, "rollback", "models:rollback", "Let the model before this one serve again.")
    added = _add(actions, "add", "models:add", "Add a model folder, such as training writes.")
    added.add_argument("folder", type=Path, metavar="DIR", help="of model.onnx and card.json")
    _add_import(actions)


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "Measure how well pictures of one kind find each other."
    measure = _add(commands, "evaluate", "evaluating:evaluate", words)
    measure.add_argument("folder", type=Path, metavar="DIR", help="one folder for each kind")
    measure.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="VERSION",
        help="the serving one, or several",
    )
    measure.add_argument("--report", type=Path, metavar="FILE", help="write an HTML page there")
    measure.add_argument("--json", action="store_true", help="machine-readable")
    measure.add_argument(
        "--strict", action="store_true", help="exit with 3 when a picture was skipped"
    )


def _add_import(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    words = "Add a model from torchvision's weights, or any ONNX image encoder."
    imported = _add(actions, "import", "models:import_model", words)
    imported.add_argument("--arch", metavar="NAME", help="a torchvision architecture")
    imported.add_argument("--weights", metavar="DEFAULT|FILE", default="DEFAULT")
    imported.add_argument("--onnx", type=Path, metavar="FILE", help="an exported encoder")
    imported.add_argument("--size", type=int, metavar="PIXELS", help="of its square input")
    imported.add_argument("--mean", type=_triple, metavar="r,g,b", help="of its normalisation")
    imported.add_argument("--std", type=_triple, metavar="r,g,b", help="of its normalisation")
    imported.add_argument("--fit", choices=("squash", "crop", "pad"), default="crop")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_LIMIT}")
    return int(text)


def _crop(text: str) -> tuple[float, ...]:
    box = _numbers(text, 4)
    x, y, w, h = box
    if not (0 <= x < 1 and 0 <= y < 1 and 0 < w <= 1 and 0 < h <= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not x,y,w,h in fractions from 0 to 1")
    return box


def _triple(text: str) -> tuple[float, ...]:
    return _numbers(text, 3)


def _numbers(text: str, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise argparse.ArgumentTypeError(f"{text!r} is not {count} numbers with commas between")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
