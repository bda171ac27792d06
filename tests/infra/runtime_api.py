"""Lambda's side of a function: the Runtime API, and a process with nothing but what was uploaded.

The process is the real runtime client, awslambdaric, as in Lambda's own images. Faithful: requests,
answers, errors and the deadline go over HTTP as documented, a function that misses its deadline is
killed and the next event starts anew, no package of this repository's environment is on its path,
and with AWS_LAMBDA_INITIALIZATION_TYPE=snap-start it is told to restore, as if from a snapshot. Not
imitated: the snapshot itself, limits of memory and processor, another user's rights.
"""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

VERSION = "2018-06-01"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"
START_SECONDS = 30  # Lambda allows 10, on a machine that nobody else is using
# What Lambda's runtime brings along beside the function's own packages.
RUNTIME = ("awslambdaric", "simplejson", "snapshot-restore-py")


class Outcome(NamedTuple):
    """kind: "response", "error" (raised in the handler), "init_error", "timeout" or "exit"."""

    kind: str
    body: Any
    milliseconds: float

    @property
    def answer(self) -> Any:
        assert self.kind == "response", f"{self.kind}: {json.dumps(self.body, indent=1)}"
        return self.body


class Sandbox:
    """One execution environment of a function. Starts with the first event, as Lambda does."""

    def __init__(
        self,
        handler: str,
        task: Path,
        runtime: Path,
        *,
        layers: Iterable[Path] = (),
        environ: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> None:
        self.handler = handler
        self.task = task
        self.runtime = runtime
        self.code = [task, *(layer / "python" for layer in layers)]
        self.environ = dict(environ or {})
        self.timeout = timeout
        self.log = ""  # what the function printed, of processes that have ended
        self.starts = 0
        self.restored = 0  # how often it was told that it continues from a snapshot
        self.pending: queue.SimpleQueue[tuple[str, bytes, int]] = queue.SimpleQueue()
        self.posted: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.server = _Server(self)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Sandbox":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.server.shutdown()
        self.server.server_close()

    def invoke(self, event: Any) -> Outcome:
        """Milliseconds count from here to the answer, with the start where there must be one."""
        began = time.perf_counter()

        def outcome(kind: str, body: Any) -> Outcome:
            return Outcome(kind, body, (time.perf_counter() - began) * 1000)

        if self.process is None or self.process.poll() is not None:
            kind, body = self.start()
            if kind != "ready":
                self.kill()
                return outcome(kind, body)
        deadline = int((time.time() + self.timeout) * 1000)
        self.pending.put((str(uuid4()), json.dumps(event).encode(), deadline))
        kind, body = self._wait(self.timeout)
        if kind in ("timeout", "exit"):
            self.kill()
        return outcome(kind, body)

    def kill(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        printed, _ = self.process.communicate()
        self.log += printed
        self.process = None

    def start(self) -> tuple[str, Any]:
        """Until the function asks for its first event, or tells that it cannot."""
        self.kill()
        self.pending, self.posted = queue.SimpleQueue(), queue.SimpleQueue()
        self.starts += 1
        # The interpreter itself, without the environment that this test runs in.
        python = getattr(sys, "_base_executable", sys.executable)
        self.process = subprocess.Popen(
            [python, "-S", "-s", "-m", "awslambdaric", self.handler],
            cwd=self.task,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self._wait(START_SECONDS)

    def _wait(self, seconds: float) -> tuple[str, Any]:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                return self.posted.get(timeout=min(left, 0.05))
            except queue.Empty:
                if self.process and self.process.poll() is not None and self.posted.empty():
                    return "exit", {"status": self.process.returncode}
        return "timeout", {"errorMessage": f"Task timed out after {seconds:.2f} seconds"}

    def _environment(self) -> dict[str, str]:
        """What Lambda defines, and what the function's configuration adds; nothing of ours."""
        name = self.handler.split(".")[1]
        return {
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join(map(str, [*self.code, self.runtime])),
            "LAMBDA_TASK_ROOT": str(self.task),
            "LAMBDA_RUNTIME_DIR": str(self.runtime),
            "_HANDLER": self.handler,
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_SESSION_TOKEN": "example",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_NAME": f"lookalike-test-{name}",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/lookalike-test-{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]0123456789abcdef",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",  # nobody listens; it is UDP
            "POWERTOOLS_SERVICE_NAME": name,
            **self.environ,
        }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a killed function's connection may still wait for its next event

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        super().__init__(("127.0.0.1", 0), _Requests)


class _Requests(BaseHTTPRequestHandler):
    """…/invocation/next, …/ID/response, …/ID/error, …/init/error and …/restore/next."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the client's acknowledgement
    server: _Server
    ready = False

    def do_GET(self) -> None:
        sandbox = self.server.sandbox
        if self.path == f"/{VERSION}/runtime/restore/next":
            sandbox.restored += 1
            self._reply(200, b"{}", {})
            return
        assert self.path == f"/{VERSION}/runtime/invocation/next", self.path
        # Each connection is one process of the function; its first question ends the start.
        if not self.ready:
            self.ready = True
            sandbox.posted.put(("ready", None))
        request_id, event, deadline = sandbox.pending.get()
        trace = (
            f"Root=1-{int(time.time()):08x}-{uuid4().hex[:24]};Parent={uuid4().hex[:16]};Sampled=1"
        )
        self._reply(
            200,
            event,
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": ARN + sandbox.handler.split(".")[1],
                "Lambda-Runtime-Trace-Id": trace,
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/response"):
            kind = "response"
        else:
            kind = "init_error" if self.path.endswith("/init/error") else "error"
        # Only then told: whoever waits may kill the process as soon as it knows.
        self._reply(202, b'{"status": "OK"}', {})
        self.server.sandbox.posted.put((kind, json.loads(body or b"null")))

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the function was killed
            super().handle()


def runtime(folder: Path) -> Path:
    """A folder with Lambda's runtime client and nothing else, linked from this environment."""
    folder.mkdir(exist_ok=True)
    for name in RUNTIME:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(found.locate_file(top))))
    return folder
