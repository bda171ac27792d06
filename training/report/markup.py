"""HTML that escapes by itself: a string is text unless it says that it is markup."""

from collections.abc import Iterable
from html import escape

EMPTY = frozenset({"img", "meta"})  # elements that have no end


class Markup(str):
    """HTML already. Everything else that meets `tag` is text, whoever wrote it."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str | int | bool | None) -> Markup:
    """One element. class_ is class, aria_label is aria-label; None and False leave one out."""
    start = " ".join([name, *_written(attributes)])
    if name in EMPTY:
        return Markup(f"<{start}>")
    return Markup(f"<{start}>{joined(children)}</{name}>")


def joined(children: Iterable[str], between: str = "") -> Markup:
    return Markup(escape(between).join(text(child) for child in children))


def text(child: str) -> Markup:
    return child if isinstance(child, Markup) else Markup(escape(child))


def _written(attributes: dict[str, str | int | bool | None]) -> Iterable[str]:
    for name, value in attributes.items():
        html_name = name.rstrip("_").replace("_", "-")
        if value is True:
            yield html_name
        elif value is not None and value is not False:
            yield f'{html_name}="{escape(str(value))}"'
