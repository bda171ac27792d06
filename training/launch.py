"""How the container starts: SageMaker runs `docker run IMAGE train`, which is this module.

It reads what SageMaker wrote under /opt/ml, then becomes `python -m training.train` (one process)
or torchrun (one process a GPU, on every host): becomes, so that a signal reaches whoever trains.
An interrupted spot job gets SIGTERM, and SIGKILL two minutes later.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import NoReturn

from lookalike.errors import CallerError
from training.options import Options
from training.sagemaker import ROOT, config, failures_reported, hyperparameters

PROGRAM = ("-m", "training.train")
PORT = "29500"  # on the first host, where the processes find each other
SHUTDOWN_SECONDS = 100  # torchrun's patience after SIGTERM; SageMaker's own is 120
USAGE = 2  # exit code: the options are wrong


@dataclass(frozen=True)
class Cluster:
    """The hosts that train together; processes: on each of them."""

    hosts: tuple[str, ...]
    here: str
    interface: str
    processes: int

    @property
    def alone(self) -> bool:
        return len(self.hosts) == 1 and self.processes == 1


def cluster(environ: Mapping[str, str], root: Path = ROOT, devices: Path = Path("/dev")) -> Cluster:
    """From resourceconfig.json; without one, this host alone. One process a GPU, at least one."""
    resources = config("resourceconfig.json", root)
    here = str(resources.get("current_host", "localhost"))
    hosts = tuple(sorted(resources.get("hosts") or [here]))
    if here not in hosts:
        raise CallerError(f"resourceconfig.json names no {here} among its hosts; start anew.")
    found = len(list(devices.glob("nvidia[0-9]*")))
    gpus = int(environ.get("SM_NUM_GPUS") or found)
    return Cluster(hosts, here, resources.get("network_interface_name", ""), max(1, gpus))


def launch_environment(environ: Mapping[str, str], root: Path = ROOT) -> dict[str, str]:
    """What several processes need beside `command`; empty for one. What is set already stays."""
    group = cluster(environ, root)
    if group.alone:
        return {}
    cores = len(os.sched_getaffinity(0))
    wanted = {
        "MASTER_ADDR": group.hosts[0],
        "MASTER_PORT": PORT,
        "WORLD_SIZE": str(len(group.hosts) * group.processes),
        "LOCAL_WORLD_SIZE": str(group.processes),
        "OMP_NUM_THREADS": str(max(1, cores // group.processes)),
    }
    if len(group.hosts) > 1 and group.interface:
        wanted |= dict.fromkeys(("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"), group.interface)
    return {name: value for name, value in wanted.items() if name not in environ}


def command(
    environ: Mapping[str, str],
    root: Path = ROOT,
    arguments: Sequence[str] = (),
    program: Sequence[str] = PROGRAM,
) -> list[str]:
    """What the container becomes: the program itself, or torchrun with the program."""
    group = cluster(environ, root)
    if group.alone:
        return [sys.executable, *program, *arguments]
    meeting = ["--standalone"]  # on one host, at any free port
    if len(group.hosts) > 1:
        rank = group.hosts.index(group.here)
        meeting = [f"--nnodes={len(group.hosts)}", f"--node-rank={rank}"]
        place = {"MASTER_ADDR": group.hosts[0], "MASTER_PORT": PORT, **environ}
        meeting += [
            f"--master-addr={place['MASTER_ADDR']}",
            f"--master-port={place['MASTER_PORT']}",
        ]
    processes = [f"--nproc-per-node={group.processes}", f"--shutdown-timeout={SHUTDOWN_SECONDS}"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", *meeting, *processes]
    return [*torchrun, *program, *arguments]


def check(arguments: Sequence[str]) -> None:
    """CallerError, with argparse's own words, if the training does not take these arguments."""
    said = StringIO()
    try:
        with redirect_stderr(said):
            Options.from_command_line(arguments)
    except SystemExit as ended:
        if ended.code == USAGE:
            reason = said.getvalue().strip().rpartition("error: ")[2]
            raise CallerError(f"The hyperparameters are wrong: {reason}.") from None
        raise


def main(
    arguments: Sequence[str] | None = None, root: Path = ROOT, program: Sequence[str] = PROGRAM
) -> NoReturn:
    """Become the training; exits with 2 if its options are wrong, and tells SageMaker which.

    SageMaker calls it with the one argument `train`; what a person adds to that comes last, and
    so wins over the hyperparameters.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["train"]:
        del given[0]
    with suppress(OSError):
        (root / "output/failure").unlink(missing_ok=True)
    try:
        with failures_reported(root):
            wanted = [*hyperparameters(root), *given]
            check(wanted)
            become = command(os.environ, root, wanted, program)
            environ = {**os.environ, **launch_environment(os.environ, root)}
    except CallerError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(USAGE)
    os.execve(become[0], become, environ)  # noqa: S606  (our own interpreter, no shell)


if __name__ == "__main__":
    main()
