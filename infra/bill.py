"""Lines of a bill, and what they come to."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.prices import Prices


@dataclass(frozen=True)
class Line:
    """One use of one service. price: a name in infra/prices.toml."""

    service: str
    what: str
    price: str
    units: float


Bill = tuple[Line, ...]


def uses(bill: Iterable[Line]) -> dict[str, float]:
    """Units by price: allowances are for all that is used of a thing."""
    summed: dict[str, float] = {}
    for line in bill:
        summed[line.price] = summed.get(line.price, 0) + line.units
    return summed


def list_price(bill: Bill, prices: Prices) -> float:
    return prices.list_price(uses(bill))


def after_allowances(bill: Bill, prices: Prices) -> float:
    return prices.after_allowances(uses(bill))
