"""Several processes that train as one: the same loss and gradients as a single one would have.

DistributedDataParallel averages the parameters' gradients over the W processes. The loss of the
whole batch is a sum over all anchors, Σ_r S_r / T, with S_r the sum over the anchors of process r
and T the weights of all anchors. Let process r compute W · S_r / T. Every S_s depends on the
vectors v_r that process r made, because they are columns for the anchors of s; `gathered` adds
up those gradients, Σ_s ∂(W S_s / T) / ∂v_r. So process r's parameters θ get
W · (∂v_r/∂θ)ᵀ Σ_s ∂(S_s / T)/∂v_r, and the average over r is (1/W) Σ_r of that: the gradient of
Σ_s S_s / T, as of one process with the whole batch.

In the terms of `training.losses`: W · S_r / T = S_r / (T / W), so

    total = averaged(relation.total)
    loss = contrastive_loss(vectors, gathered(vectors), relation, temperature, total=total)

and `averaged(loss.detach())` is the loss of the whole batch. A mean over equally many rows (such
as `direction_loss`) needs nothing: the average of the means is the mean.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from lookalike.errors import CallerError, DependencyError

# The longest that one process may keep the others waiting, such as for an evaluation or for the
# pictures to be prepared; then all end instead of hanging for ever.
PATIENCE = timedelta(minutes=20)
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # of torchrun
GLOO = ("gloo", "Application timeout")  # its failures are plain RuntimeErrors that say so


class LostProcess(DependencyError):
    """Another process of this training ended, or was not heard of for too long."""


class Place(NamedTuple):
    """Which of the processes this one is, and where it computes."""

    rank: int
    world: int
    local_rank: int
    device: torch.device


def start(patience: timedelta = PATIENCE) -> Place:
    """Join the other processes if torchrun started this one; alone, do nothing.

    CallerError if torchrun's variables are incomplete or there are fewer GPUs than processes;
    LostProcess if the others do not come.
    """
    given = [os.environ.get(name) for name in VARIABLES]
    if not any(given[:3]):  # SageMaker sets the address for a single process too
        return Place(0, 1, 0, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    for name, value in zip(VARIABLES, given, strict=True):
        if not value:
            raise CallerError(f"{name} is not set; start several processes with torchrun.")
    rank, world, local_rank = (int(value or 0) for value in given[:3])
    place = Place(rank, world, local_rank, device_of(local_rank))
    backend = "nccl" if place.device.type == "cuda" else "gloo"
    binding = place.device if place.device.type == "cuda" else None
    with others_expected():
        dist.init_process_group(backend, timeout=patience, device_id=binding)
    return place


def device_of(local_rank: int) -> torch.device:
    """The GPU that is this process's own, or the CPU where there is none at all."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if local_rank >= torch.cuda.device_count():
        raise CallerError(
            f"Process {local_rank} has no GPU of its own: this machine has "
            f"{torch.cuda.device_count()}; give torchrun that number as --nproc-per-node."
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def finish() -> None:
    """Leave the group; harmless without one."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that prints and writes files."""
    return rank() == 0


def share(rows: int) -> slice:
    """This process's part of so many rows; all parts are of one size."""
    if rows % world():
        raise CallerError(
            f"A batch of {rows} does not divide by {world()} processes; choose a multiple."
        )
    each = rows // world()
    return slice(rank() * each, (rank() + 1) * each)


def tell(words: str) -> None:
    """To a person or a log, once, whatever the number of processes."""
    if is_first():
        print(words, flush=True)


def barrier() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        with others_expected():
            dist.barrier()


def summed(tensor: Tensor) -> Tensor:
    """The sum over the processes, without gradient."""
    tensor = tensor.detach().clone()
    if dist.is_initialized():
        with others_expected():
            dist.all_reduce(tensor)
    return tensor


def averaged(tensor: Tensor) -> Tensor:
    """The mean over the processes, without gradient."""
    return summed(tensor) / world()


def gathered(tensor: Tensor) -> Tensor:
    """The rows of all processes in the order of their ranks, with a gradient to each.

    tensor: (n, ...), of one shape in all processes. Returns (world * n, ...).
    Every process must call it, and go backward through it if one does.
    """
    if not dist.is_initialized():
        return tensor
    whole: Tensor = _Gathered.apply(tensor)  # type: ignore[no-untyped-call]
    return whole


class _Gathered(torch.autograd.Function):
    """torch.distributed.all_gather itself stops gradients at the border of the process."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        tensor = tensor.contiguous()
        parts = [torch.empty_like(tensor) for _ in range(world())]
        with others_expected():
            dist.all_gather(parts, tensor)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (whole,) = gradients
        return summed(whole.contiguous())[share(len(whole))]


@contextmanager
def others_expected() -> Iterator[None]:
    """Say what it means that an exchange with other processes failed: raise LostProcess.

    For a whole training step: DistributedDataParallel exchanges gradients inside `backward`.
    """
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or any(sign in str(error) for sign in GLOO)):
            raise
        raise LostProcess(
            "Another process of this training has ended or hangs. Look for its error, then start "
            "all of them again: training goes on from the last checkpoint."
        ) from error
