"""How the container starts: one process or several, and who gets the signals."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from lookalike.errors import CallerError
from training.launch import Cluster, check, cluster, command, launch_environment

# Stands for the training: says who it is, then waits to be stopped, as spot interruptions do.
STAND_IN = """
import json, os, signal, sys, time
from collections.abc import Mapping
from pathlib import Path
folder, rank = Path(sys.argv[0]).parent, os.environ.get("RANK", "alone")
asked = []
def mark(number, frame):
    asked.append(signal.Signals(number).name)
    signal.signal(number, signal.SIG_DFL)  # a second one would end it without a checkpoint
signal.signal(signal.SIGTERM, mark)
seen = {"arguments": sys.argv[1:], "pid": os.getpid(), "world": os.environ.get("WORLD_SIZE")}
(folder / f"begun-{rank}.new").write_text(json.dumps(seen))
(folder / f"begun-{rank}.new").rename(folder / f"begun-{rank}")
while not asked:
    time.sleep(0.02)
time.sleep(0.5)  # the step under way
(folder / f"checkpoint-{rank}").write_text(asked[0])
sys.exit(143)
"""
START = """
import sys
from collections.abc import Mapping
from pathlib import Path
from training import launch
launch.main(["train"], root=Path(sys.argv[1]), program=[sys.argv[2]])
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("input/config", "output"):
        (tmp_path / "ml" / folder).mkdir(parents=True)
    return tmp_path / "ml"


def write(root: Path, name: str, content: Mapping[str, object]) -> None:
    (root / "input/config" / name).write_text(json.dumps(content))


def two_hosts(root: Path, here: str) -> None:
    hosts = ["algo-2", "algo-1"]
    resources = {"current_host": here, "hosts": hosts, "network_interface_name": "eth1"}
    write(root, "resourceconfig.json", resources)


def started(root: Path, **environ: str) -> "subprocess.Popen[str]":
    """The entry point, with the stand-in as the training, in the folder above."""
    program = root.parent / "program.py"
    program.write_text(STAND_IN)
    return subprocess.Popen(
        [sys.executable, "-c", START, str(root), str(program)],
        env={**os.environ, **environ},
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> str:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return str(any_port.getsockname()[1])


def waited_for(file: Path, process: "subprocess.Popen[str]") -> str:
    for _ in range(600):
        if file.exists():
            return file.read_text()
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"no {file.name}: {process.communicate()[1]}")


def test_one_host_without_a_gpu_runs_one_process(root: Path) -> None:
    write(root, "resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})

    run = command({}, root, ["--steps", "5"])

    assert run == [sys.executable, "-m", "training.train", "--steps", "5"]
    assert launch_environment({}, root) == {}


def test_every_gpu_gets_a_process(root: Path, tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).write_text("")

    assert cluster({}, root, devices=tmp_path).processes == 3
    assert cluster({"SM_NUM_GPUS": "8"}, root, devices=tmp_path).processes == 8
    assert cluster({"SM_NUM_GPUS": "0"}, root, devices=tmp_path).processes == 1


def test_hosts_agree_on_who_is_first(root: Path) -> None:
    seen = []
    for here in ("algo-1", "algo-2"):
        two_hosts(root, here)
        seen.append((cluster({}, root), command({}, root)))

    (first, first_run), (second, second_run) = seen
    assert first == Cluster(("algo-1", "algo-2"), "algo-1", "eth1", 1)
    assert second.hosts == first.hosts
    assert "--node-rank=0" in first_run
    assert "--node-rank=1" in second_run
    for run in (first_run, second_run):
        assert {"--nnodes=2", "--nproc-per-node=1", "--master-addr=algo-1"} < set(run)


def test_several_hosts_talk_over_the_network_that_sagemaker_names(root: Path) -> None:
    two_hosts(root, "algo-2")

    environ = launch_environment({"SM_NUM_GPUS": "4", "GLOO_SOCKET_IFNAME": "lo"}, root)

    assert environ["MASTER_ADDR"] == "algo-1"
    assert environ["WORLD_SIZE"] == "8"
    assert environ["NCCL_SOCKET_IFNAME"] == "eth1"
    assert "GLOO_SOCKET_IFNAME" not in environ  # whoever set it knew better


def test_a_host_that_is_not_in_the_list_is_refused(root: Path) -> None:
    two_hosts(root, "algo-3")

    with pytest.raises(CallerError, match="algo-3"):
        cluster({}, root)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps", "many"], "argument --steps: invalid int value: 'many'"),
        (["--no-such-option", "1"], "unrecognized arguments: --no-such-option 1"),
        (["--loss", "hinge"], "invalid choice: 'hinge'"),
    ],
)
def test_a_wrong_hyperparameter_is_named(arguments: list[str], words: str) -> None:
    with pytest.raises(CallerError) as refused:
        check(arguments)

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_hyperparameter_ends_the_job_before_it_starts(root: Path) -> None:
    write(root, "hyperparameters.json", {"steps": "many"})
    (root / "output/failure").write_text("of an earlier try")

    process = started(root, SM_NUM_GPUS="2")
    said = process.communicate(timeout=60)[1]

    sentence = (root / "output/failure").read_text()
    assert process.returncode == 2
    assert sentence == said
    assert sentence.startswith("The hyperparameters are wrong: argument --steps")
    assert not list(root.parent.glob("begun-*"))


def test_the_entry_point_becomes_the_training_so_that_a_signal_reaches_it(root: Path) -> None:
    write(root, "hyperparameters.json", {"learning_rate": "0.001"})

    process = started(root)
    begun = json.loads(waited_for(root.parent / "begun-alone", process))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)

    assert begun["pid"] == process.pid
    assert begun["arguments"] == ["--learning-rate", "0.001"]
    assert (root.parent / "checkpoint-alone").read_text() == "SIGTERM"
    assert process.returncode == 143


@pytest.mark.parametrize("hosts", [1, 2])
def test_torchrun_hands_a_signal_once_to_every_process(tmp_path: Path, hosts: int) -> None:
    """Two GPUs of one host, or two hosts, which here are two addresses of this machine."""
    names = ["127.0.0.1", "127.0.0.2"][:hosts]
    roots = [tmp_path / name for name in names]
    for here, root in zip(names, roots, strict=True):
        (root / "input/config").mkdir(parents=True)
        write(root, "resourceconfig.json", {"current_host": here, "hosts": names})
        write(root, "hyperparameters.json", {"steps": "5"})

    given = {"SM_NUM_GPUS": str(2 // hosts), "MASTER_PORT": free_port()}
    processes = [started(root, **given) for root in roots]
    begun = [waited_for(tmp_path / f"begun-{rank}", processes[0]) for rank in (0, 1)]
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.communicate(timeout=60)

    assert [json.loads(each)["world"] for each in begun] == ["2", "2"]
    assert [json.loads(each)["arguments"] for each in begun] == [["--steps", "5"]] * 2
    assert [(tmp_path / f"checkpoint-{rank}").read_text() for rank in (0, 1)] == ["SIGTERM"] * 2
    assert all(process.returncode != 0 for process in processes)
