"""Two real processes against one: this file is also the program that the two of them run."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (the name every torch reader knows)
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lookalike.errors import CallerError
from training import distributed
from training.losses import NOBODY, contrastive_loss, prefixes, relation_of, triplet_loss

ROWS, SIDE, DIMENSION = 16, 6, 8
ANSWER_WITHIN = 60  # seconds for two processes to import torch on a busy machine


class Case(NamedTuple):
    """weighted: anchors differ, and rank 0's weigh more. negatives: some are nobody's look-alike.

    lengths: of the vectors that the loss is summed over.
    """

    weighted: bool = False
    negatives: bool = False
    lengths: tuple[int, ...] = (DIMENSION,)
    triplets: bool = False


CASES = {
    "plain": Case(),
    "weighted": Case(weighted=True),
    "hard negatives": Case(negatives=True),
    "prefixes": Case(lengths=(DIMENSION, 4, 2)),
    "all at once": Case(True, True, (DIMENSION, 3)),
    "triplets": Case(weighted=True, negatives=True, triplets=True),
}


class Step(NamedTuple):
    loss: float  # of the whole batch
    gradients: list[Tensor]


def one_step(case: Case, gather: Callable[[Tensor], Tensor] = distributed.gathered) -> Step:
    """Loss and gradients of this process's share of the batch, or of the whole when alone."""
    torch.manual_seed(5)
    network: nn.Module = nn.Sequential(nn.Linear(SIDE, 7), nn.Tanh(), nn.Linear(7, DIMENSION))
    pixels = torch.rand(ROWS, SIDE)
    identities = torch.tensor([0, 0, 0, 1, 1, 2, 3, 4, 0, 1, 2, 2, 5, 6, 6, 4])
    if case.negatives:
        identities[[4, 9, 12]] = NOBODY
    pictures = torch.arange(ROWS).clamp(max=13)  # the last three are views of one picture
    weights = torch.linspace(3, 0.1, ROWS) if case.weighted else torch.ones(ROWS)
    known = torch.rand(ROWS, ROWS) < 0.1
    if distributed.world() > 1:
        network = DistributedDataParallel(network)

    rows = distributed.share(ROWS)
    vectors = F.normalize(network(pixels[rows]), dim=1)
    everyone = [distributed.gathered(each[rows]) for each in (identities, pictures, weights)]
    relation = relation_of(everyone[0], everyone[1], everyone[2], rows, known[rows])
    total = distributed.averaged(relation.total)
    loss = torch.zeros(())
    for ours, all_ours in zip(
        prefixes(vectors, case.lengths), prefixes(gather(vectors), case.lengths), strict=True
    ):
        if case.triplets:
            loss = loss + triplet_loss(ours, all_ours, relation, 0.3, total=total)
        else:
            loss = loss + contrastive_loss(ours, all_ours, relation, 0.2, total=total)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return Step(distributed.averaged(loss).item(), gradients)


def cut(vectors: Tensor) -> Tensor:
    """The mistake of gathering without gradients, on purpose."""
    return distributed.gathered(vectors).detach()


def only_mine(vectors: Tensor) -> Tensor:
    """The mistake of keeping the gradient to one's own rows alone, on purpose."""
    whole = distributed.gathered(vectors).detach().clone()
    whole[distributed.share(len(whole))] = vectors
    return whole


def main(out: str, second_port: str) -> None:
    """What each of the two processes does; the second goes to sleep in the end."""
    torch.set_num_threads(1)
    place = distributed.start(timedelta(seconds=ANSWER_WITHIN))
    found: dict[str, Any] = {name: tuple(one_step(case)) for name, case in CASES.items()}
    for mistake in (cut, only_mine):
        found[mistake.__name__] = tuple(one_step(CASES["plain"], mistake))
    part = distributed.share(10)
    found["place"] = [*place[:3], str(place.device), distributed.is_first(), part.start, part.stop]
    found["order"] = distributed.gathered(torch.tensor([[place.rank], [place.rank + 10]]))
    found["sum"] = distributed.summed(torch.tensor(place.rank + 1.0))
    torch.save(found, f"{out}/{place.rank}.pt")
    distributed.barrier()
    distributed.finish()

    os.environ["MASTER_PORT"] = second_port
    distributed.start(timedelta(seconds=2))
    network = DistributedDataParallel(nn.Linear(2, 2))
    if place.rank == 1:
        time.sleep(10 * ANSWER_WITHIN)  # until it is killed
    try:
        with distributed.others_expected():
            network(torch.ones(1, 2)).sum().backward()
    finally:
        distributed.finish()


class Two(NamedTuple):
    found: list[dict[str, Any]]  # what each of the two saw
    stderr: str  # of the first, whom the second let down
    code: int


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    out = tmp_path_factory.mktemp("two")
    port, second = free_ports()
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(out), str(second)],
            env={**os.environ, **torchrun_variables(rank, port)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        _, stderr = processes[0].communicate(timeout=2 * ANSWER_WITHIN)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert (out / "1.pt").is_file(), stderr
    found = [torch.load(out / f"{rank}.pt", weights_only=True) for rank in range(2)]
    return Two(found, stderr, processes[0].returncode)


def free_ports() -> list[int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return [one.getsockname()[1], other.getsockname()[1]]


def torchrun_variables(rank: int, port: int) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "CUDA_VISIBLE_DEVICES": "",
    }


@pytest.mark.parametrize("name", CASES)
def test_two_processes_learn_what_one_with_the_whole_batch_would(two: Two, name: str) -> None:
    alone = one_step(CASES[name])

    for found in two.found:
        together = Step(*found[name])
        assert together.loss == pytest.approx(alone.loss, rel=1e-5)
        for ours, whole in zip(together.gradients, alone.gradients, strict=True):
            torch.testing.assert_close(ours, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mistake", ["cut", "only_mine"])
def test_a_gather_that_loses_gradients_would_be_found_out(two: Two, mistake: str) -> None:
    alone = one_step(CASES["plain"])

    wrong = Step(*two.found[0][mistake])

    assert wrong.loss == pytest.approx(alone.loss, rel=1e-5)
    assert not torch.allclose(wrong.gradients[0], alone.gradients[0], rtol=0.05)


def test_each_process_knows_its_place_and_its_part_of_a_batch(two: Two) -> None:
    first, second = (found["place"] for found in two.found)

    assert first == [0, 2, 0, "cpu", True, 0, 5]
    assert second == [1, 2, 1, "cpu", False, 5, 10]


def test_rows_are_gathered_in_the_order_of_ranks_and_numbers_are_summed(two: Two) -> None:
    for found in two.found:
        assert found["order"].tolist() == [[0], [10], [1], [11]]
        assert found["sum"] == 3


def test_a_process_that_hangs_ends_the_others_with_a_reason(two: Two) -> None:
    last = two.stderr.strip().splitlines()[-1]

    assert "LostProcess: Another process of this training has ended or hangs." in last
    assert two.code == 1


def test_alone_nothing_is_gathered_and_the_batch_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in distributed.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    vectors = torch.rand(3, 2)

    place = distributed.start()
    distributed.barrier()
    distributed.finish()

    assert (place.rank, place.world, distributed.is_first()) == (0, 1, True)
    assert distributed.gathered(vectors) is vectors
    assert distributed.share(7) == slice(0, 7)


def test_half_of_torchruns_variables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("WORLD_SIZE", raising=False)

    with pytest.raises(CallerError, match="WORLD_SIZE is not set; start several"):
        distributed.start()


def test_a_batch_that_cannot_be_shared_evenly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world", lambda: 3)

    with pytest.raises(CallerError, match="batch of 8 does not divide by 3 processes"):
        distributed.share(8)


def test_an_error_of_ones_own_is_not_blamed_on_the_others() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"), distributed.others_expected():
        torch.ones(2, 3) @ torch.ones(2, 3)


if __name__ == "__main__":
    main(*sys.argv[1:])
