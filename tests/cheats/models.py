"""Sabotaged and honest challengers before the gate: which it refuses, and how often wrongly."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import onnx

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from tests.cheats.bench import Bench
from tests.cheats.exact import interval
from tests.cheats.sabotage import SABOTAGES
from tests.cheats.world import World
from tests.journeys import small_encoder
from tests.training.gate import challengers as made
from tests.training.gate.conftest import LIVE

HIGHEST = 0.05  # share of honest challengers that may be refused
Say = Callable[[str], None]


def sabotaged(world: World, folder: Path, seed: int, answers: int, say: Say) -> Iterator[str]:
    """Names of those that were accepted, or refused for no reason of their own."""
    bench = Bench(world, folder, seed)
    bench.visited(answers)
    say("| sabotage | refused by |")
    say("|---|---|")
    for name, one in SABOTAGES.items():
        model = name.replace(" ", "-").lower()
        one.write(bench.models, model)
        found = bench.judged(model, LIVE)
        say(f"| {name} | {', '.join(sorted(found.refused)) or 'ACCEPTED'} |")
        if found.accepted or not found.refused & one.why:
            yield name


def honest(
    world: World, folder: Path, seed: int, answers: int, count: int, say: Say
) -> Iterator[bool]:
    """Of each kind a third of `count`; yields whether more than HIGHEST were refused.

    The live model is the encoder that ships, made to look at smaller pictures: a sixth of the work.
    """
    bench = Bench(world, folder, seed)
    bench.visited(answers)
    live = small_encoder.write(bench.models / small_encoder.MODEL).model
    bench.trained("taught", bench.models / live, seed)
    kinds: dict[str, list[str]] = {"hardly moved": [], "of another seed": [], "better": []}
    for number in range(1, count // len(kinds) + 1):
        model = bench.trained(f"taught-{number}", bench.models / live, seed + number).name
        nudged(bench.models / live, bench.models / f"nudged-{number}", number)
        for kind, challenger, against in (
            ("hardly moved", f"nudged-{number}", live),
            ("of another seed", model, "taught"),
            ("better", model, live),
        ):
            found = bench.judged(challenger, against)
            kinds[kind].append("" if found.accepted else found.reason)
            if not found.accepted:
                say(f"{kind}, {number}: {found.reason}")
    say("| honest challenger | judged | refused | 95 % |")
    say("|---|---|---|---|")
    for kind, told in {
        **kinds,
        "all": [one for reasons in kinds.values() for one in reasons],
    }.items():
        refused = sum(map(bool, told))
        low, high = interval(refused, len(told))
        say(f"| {kind} | {len(told)} | {refused} | {low:.1%}–{high:.1%} |")
        yield refused > HIGHEST * len(told)


def nudged(source: Path, folder: Path, seed: int) -> None:
    """What so little training does that nobody could tell."""
    graph = onnx.load(str(source / ONNX_NAME))
    made.perturbed(0.002, seed)(graph)
    data = graph.SerializeToString()
    folder.mkdir(parents=True)
    (folder / ONNX_NAME).write_bytes(data)
    card = replace(
        ModelCard.read(source), model=folder.name, sha256=hashlib.sha256(data).hexdigest()
    )
    (folder / CARD_NAME).write_text(card.to_json())
