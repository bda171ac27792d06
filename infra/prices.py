"""Unit prices: infra/prices.toml, with where and when each was read."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

FILE = Path(__file__).parent / "prices.toml"


@dataclass(frozen=True)
class Price:
    """Dollars for `per` units. The file says what the fields mean."""

    price: float
    per: int
    unit: str
    free: float
    source: str
    checked: Literal["vendor", "quoted", "memory"]
    read: date
    note: str = ""

    def of(self, units: float) -> float:
        """Dollars, at list price."""
        return units * self.price / self.per


@dataclass(frozen=True)
class Prices:
    region: str
    by_name: Mapping[str, Price]

    @classmethod
    def read(cls, file: Path = FILE) -> "Prices":
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        region = told.pop("region")
        return cls(region, {name: Price(**fields) for name, fields in told.items()})

    def list_price(self, uses: Mapping[str, float]) -> float:
        """uses: units by the price's name."""
        return sum(self.by_name[name].of(units) for name, units in uses.items())

    def after_allowances(self, uses: Mapping[str, float]) -> float:
        """The same in an account that uses none of its free allowances otherwise."""
        billed = {name: max(0.0, units - self.by_name[name].free) for name, units in uses.items()}
        return self.list_price(billed)
