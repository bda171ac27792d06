"""Every command of the command line, and what may be said to it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from local import arguments
from local.console import plain

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_PORT = 8080


class Parser(argparse.ArgumentParser):
    """What it says of wrong arguments is plain: `lookalike search *` may bring any name."""

    def error(self, message: str) -> NoReturn:
        super().error(plain(message))


def parser() -> argparse.ArgumentParser:
    made = Parser(
        prog="lookalike",
        description="Find the pictures of a folder that look alike. Nothing leaves this machine.",
    )
    commands = made.add_subparsers(metavar="COMMAND", required=True)
    _add_up(commands)
    _add_index(commands)
    _add_search(commands)
    _add_status(commands)
    _add_doctor(commands)
    _add_clean(commands)
    _add_models(commands)
    _add_promote(commands)
    _add_rollback(commands)
    _add_trial(commands)
    _add_metrics(commands)
    _add_evaluate(commands)
    _add_retrain(commands)
    _add_reconcile(commands)
    return made


def _add(
    commands: "Commands", name: str, run: str, words: str, data: str | None = None
) -> argparse.ArgumentParser:
    """run: module:function below local. data: what stands for --data where it is not said."""
    command = commands.add_parser(name, help=words, description=words)
    command.set_defaults(run=run)
    words = "where Lookalike keeps what it knows"
    command.add_argument("--data", type=Path, metavar="DIR", default=data, help=words)
    return command


def _add_action(actions: "Commands", name: str, run: str, words: str) -> argparse.ArgumentParser:
    """A command of a command: what is not said after it may have been said before."""
    return _add(actions, name, run, words, argparse.SUPPRESS)


def _add_up(commands: "Commands") -> None:
    up = _add(commands, "up", "up:up", "Index a folder, follow its changes, and show it.")
    up.add_argument("folder", type=Path, metavar="DIR", help="the pictures; they are never changed")
    up.add_argument(
        "--port", type=arguments.port, metavar="N", help=f"{DEFAULT_PORT} or one near it"
    )
    up.add_argument("--no-browser", action="store_true", help="do not open the page")


def _add_index(commands: "Commands") -> None:
    index = _add(commands, "index", "up:index", "Index a folder and exit.")
    index.add_argument("folder", type=Path, metavar="DIR", help="the pictures; never changed")
    index.add_argument(
        "--strict", action="store_true", help="exit with 3 when a picture was rejected"
    )


def _add_search(commands: "Commands") -> None:
    words = "Print the indexed pictures that look like this one, the most similar first."
    search = _add(commands, "search", "asking:search", words)
    search.add_argument("image", type=Path, metavar="IMAGE")
    search.add_argument(
        "--limit", type=arguments.limit, metavar="N", help="how many, 24 if not given"
    )
    search.add_argument(
        "--crop",
        type=arguments.crop,
        metavar="x,y,w,h",
        help="only this part, in fractions of its sides",
    )
    search.add_argument("--tags", metavar="a,b", help="only pictures with all of these tags")
    form = search.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the body of POST /v1/search")
    form.add_argument("--paths", action="store_true", help="paths only, for pipes")


def _add_status(commands: "Commands") -> None:
    status = _add(commands, "status", "asking:status", "What became of every picture.")
    status.add_argument("--json", action="store_true", help="machine-readable")


def _add_doctor(commands: "Commands") -> None:
    doctor = _add(commands, "doctor", "doctor:doctor", "Check this installation and its data.")
    doctor.add_argument(
        "--redrive", action="store_true", help="try the pictures again that were given up"
    )


def _add_clean(commands: "Commands") -> None:
    clean = _add(commands, "clean", "cleaning:clean", "Remove what Lookalike knows of a folder.")
    clean.add_argument("--yes", action="store_true", help="do not ask")


def _add_models(commands: "Commands") -> None:
    words = "The encoders: list them, add one or import one."
    models = _add(commands, "models", "models:list_models", words)
    actions = models.add_subparsers(metavar="[ACTION]")
    _add_action(actions, "list", "models:list_models", "Every model, and who serves: the default.")
    words = "Add a model folder, such as training writes."
    added = _add_action(actions, "add", "models:add", words)
    added.add_argument("folder", type=Path, metavar="DIR", help="of model.onnx and card.json")
    _add_import(actions)


def _add_promote(commands: "Commands") -> None:
    words = "Let another model serve: re-embed beside the live one, verify, switch."
    promote = _add(commands, "promote", "models:promote", words)
    promote.add_argument("version", metavar="VERSION")


def _add_rollback(commands: "Commands") -> None:
    words = "Let the model before this one serve again, at once."
    _add(commands, "rollback", "models:rollback", words)


def _add_trial(commands: "Commands") -> None:
    words = "Let another model answer some sessions, so that its clicks speak before it serves."
    trial = _add(commands, "trial", "models:trial", words)
    trial.add_argument("version", metavar="VERSION", nargs="?")
    trial.add_argument(
        "--share", type=arguments.share, metavar="S", help="of the sessions, between 0 and 1"
    )
    trial.add_argument("--stop", action="store_true", help="let the model on trial go")


def _add_metrics(commands: "Commands") -> None:
    words = "What people did with the answers: clicks, time spent, coverage, and how a trial goes."
    metrics = _add(commands, "metrics", "measuring:metrics", words)
    kinds = ("ctr", "query_ctr", "time_spent", "coverage", "sponsored_share", "trial")
    metrics.add_argument("--metric", choices=kinds, help="this one by its periods; else all")
    metrics.add_argument("--interval", choices=("day", "week", "month"), help="day if not given")
    metrics.add_argument("--by", choices=("model", "slot", "position"), help="ctr if no --metric")
    metrics.add_argument("--since", metavar="YYYY-MM-DD", help="the first day, UTC")
    metrics.add_argument("--json", action="store_true", help="the body of GET /v1/metrics")


def _add_evaluate(commands: "Commands") -> None:
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


def _add_retrain(commands: "Commands") -> None:
    words = "Learn from the clicks; what proves to be no worse serves. Goes on where it stopped."
    learn = _add(commands, "retrain", "retraining.command:command", words)
    learn.add_argument(
        "--trial",
        type=arguments.share,
        metavar="SHARE",
        help="let it answer so many sessions, on trial",
    )
    learn.add_argument("--gold", type=Path, metavar="DIR", help="labelled folders to be proven on")
    learn.add_argument("--new", action="store_true", help="forget a run that was not finished")


def _add_reconcile(commands: "Commands") -> None:
    words = "Say what differs between the folder and every index, and mend it."
    command = _add(commands, "reconcile", "reconciling:reconcile", words)
    command.add_argument("--dry-run", action="store_true", help="say it, and change nothing")
    command.add_argument("--json", action="store_true", help="machine-readable, with every name")


def _add_import(actions: "Commands") -> None:
    words = "Add a model from torchvision's weights, or any ONNX image encoder."
    imported = _add_action(actions, "import", "importing:import_model", words)
    imported.add_argument("--arch", metavar="NAME", help="a torchvision architecture")
    imported.add_argument("--weights", metavar="DEFAULT|FILE", default="DEFAULT")
    imported.add_argument("--onnx", type=Path, metavar="FILE", help="an exported encoder")
    imported.add_argument("--size", type=int, metavar="PIXELS", help="of its square input")
    imported.add_argument(
        "--mean", type=arguments.triple, metavar="r,g,b", help="of its normalisation"
    )
    imported.add_argument(
        "--std", type=arguments.triple, metavar="r,g,b", help="of its normalisation"
    )
    imported.add_argument("--fit", choices=("squash", "crop", "pad"), default="crop")
