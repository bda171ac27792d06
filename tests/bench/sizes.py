"""How much of everything a run measures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """pictures: small ones. photographs: distinct large ones of each size. web_copies,
    phone_copies: how often each of those is indexed. staged: pictures whose every step is timed.

    rounds: how often a whole command runs. queries, uploads: how many of each. starts,
    first_answers: fresh processes. flat: pictures that pass through one indexer while its memory
    is watched. largest_formats: all of them, not only the first two. interactions: rows of a log.
    fabrics, answers: of the demo catalogue, and what simulated shoppers see of it.
    """

    pictures: int = 2_000
    photographs: int = 40
    web_copies: int = 20
    phone_copies: int = 5
    phone_size: tuple[int, int] = (4032, 3024)
    staged: int = 200
    points: int = 100_000
    queries: int = 1_000
    uploads: int = 200
    rounds: int = 3
    starts: int = 15
    first_answers: int = 5
    flat: int = 10_000
    largest_formats: bool = True
    interactions: int = 10_000_000
    fabrics: int = 300
    answers: int = 3_000


QUICK = Sizes(
    pictures=120,
    photographs=4,
    web_copies=8,
    phone_copies=3,
    staged=30,
    points=2_000,
    queries=60,
    uploads=20,
    rounds=1,
    starts=9,
    first_answers=2,
    flat=48,
    largest_formats=False,
    interactions=200_000,
    answers=2_000,
)
TINY = Sizes(
    pictures=4,
    photographs=1,
    web_copies=1,
    phone_copies=1,
    phone_size=(640, 480),
    staged=2,
    points=200,
    queries=4,
    uploads=2,
    rounds=1,
    starts=1,
    first_answers=1,
    flat=2,
    largest_formats=False,
    interactions=50_000,
    fabrics=40,
    answers=300,
)
