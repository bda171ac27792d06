"""The data side of the Amazon States Language: paths, templates, intrinsic functions."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

Json = Any
PATH = re.compile(r"\$\$?(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\])*")
PART = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]")
CALL = re.compile(r"States\.([A-Za-z]+)\(")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
WORDS = {"true": True, "false": False, "null": None}
ESCAPABLE = "'{}\\"  # a backslash before anything else is refused by Step Functions


class Unknown(Exception):
    """Something this interpreter does not know, and so does not guess."""


class StateError(Exception):
    """An error by its name, which Retry and Catch see."""

    def __init__(self, name: str, cause: str = "") -> None:
        super().__init__(f"{name}: {cause}")
        self.name, self.cause = name, cause

    def told(self) -> Json:
        return {"Error": self.name, "Cause": self.cause}


class Values:
    """What a state's input and its context say."""

    def __init__(self, given: Json, context: Json) -> None:
        self.given, self.context = given, context

    def at(self, path: str) -> Json:
        """Raises KeyError where there is nothing."""
        if not PATH.fullmatch(path):
            raise Unknown(f"the path {path!r}")
        value = self.context if path.startswith("$$") else self.given
        for name, number in PART.findall(path):
            try:
                value = value[int(number)] if number else value[name]
            except (IndexError, TypeError):
                raise KeyError(path) from None
        return value

    def template(self, value: Json) -> Json:
        """A payload template: names that end in .$ are paths or intrinsic functions."""
        if isinstance(value, list):
            return [self.template(one) for one in value]
        if not isinstance(value, dict):
            return value
        made = {}
        for name, one in value.items():
            if name.endswith(".$"):
                made[name.removesuffix(".$")] = self.evaluated(one)
            else:
                made[name] = self.template(one)
        return made

    def evaluated(self, text: str) -> Json:
        if not text.startswith("States."):
            try:
                return deepcopy(self.at(text))
            except KeyError:
                raise StateError("States.Runtime", f"there is no {text}") from None
        value, rest = self._call(text)
        if rest:
            raise Unknown(f"{rest!r} after an intrinsic function")
        return value

    def _call(self, text: str) -> tuple[Json, str]:
        found = CALL.match(text)
        if not found or found[1] not in INTRINSICS:
            raise Unknown(f"the function {text!r}")
        rest, arguments = text[found.end() :].lstrip(), []
        while not rest.startswith(")"):
            value, rest = self._argument(rest)
            arguments.append(value)
            rest = rest.lstrip()
            if rest.startswith(","):
                rest = rest[1:].lstrip()
            elif not rest.startswith(")"):
                raise Unknown(f"{rest!r} in {text!r}")
        try:
            return INTRINSICS[found[1]](*arguments), rest[1:]
        except (TypeError, ValueError, AttributeError) as error:
            raise StateError("States.IntrinsicFailure", f"{text}: {error}") from None

    def _argument(self, text: str) -> tuple[Json, str]:
        if text.startswith("'"):
            return _quoted(text)
        if text.startswith("States."):
            return self._call(text)
        if path := PATH.match(text):
            return self.evaluated(path[0]), text[path.end() :]
        if number := NUMBER.match(text):
            return json.loads(number[0]), text[number.end() :]
        for word, value in WORDS.items():
            if text.startswith(word):
                return value, text[len(word) :]
        raise Unknown(f"the argument {text!r}")


def _quoted(text: str) -> tuple[str, str]:
    """Escaped braces keep their backslash: `_format` needs to tell them from places."""
    said, position = "", 1
    while text[position] != "'":
        if text[position] == "\\":
            position += 1
            if text[position] not in ESCAPABLE:
                raise Unknown(f"the escape \\{text[position]}")
            said += "\\" if text[position] in "{}" else ""
        said += text[position]
        position += 1
    return said, text[position + 1 :]


def _format(template: str, *arguments: Json) -> str:
    parts = re.split(r"(?<!\\)\{\}", template)
    if len(parts) != len(arguments) + 1:
        raise ValueError(f"{len(arguments)} arguments for {len(parts) - 1} places")
    said = parts[0]
    for argument, part in zip(arguments, parts[1:], strict=True):
        if isinstance(argument, dict | list):
            raise ValueError("States.Format takes no arrays or objects")
        said += argument if isinstance(argument, str) else json.dumps(argument)
        said += part
    return said.replace("\\{", "{").replace("\\}", "}")


def _merge(first: Json, second: Json, deep: bool) -> Json:
    if deep is not False:
        raise ValueError("Step Functions merges shallowly only")
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise ValueError("States.JsonMerge takes objects")
    return {**first, **second}


def _add(first: Json, second: Json) -> Json:
    if not isinstance(first, int) or not isinstance(second, int):
        raise ValueError("States.MathAdd takes whole numbers")
    return first + second


INTRINSICS: dict[str, Callable[..., Json]] = {
    "Array": lambda *values: [*values],
    "Format": _format,
    "JsonMerge": _merge,
    "JsonToString": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    "MathAdd": _add,
}


def put(into: Json, path: str | None, value: Json) -> Json:
    """The input with a value at a reference path; None, as a ResultPath of null, keeps it as is."""
    if path is None:
        return into
    if path == "$":
        return value
    if not PATH.fullmatch(path) or "[" in path or path.startswith("$$"):
        raise Unknown(f"the reference path {path!r}")
    if not isinstance(into, dict):
        raise StateError("States.ResultPathMatchFailure", path)
    changed = deepcopy(into)
    *folders, last = path.removeprefix("$.").split(".")
    place = changed
    for folder in folders:
        place = place.setdefault(folder, {})
    place[last] = value
    return changed
