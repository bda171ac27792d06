"""Decodes one file, and says how many bytes of memory that took at its peak."""

import sys
from pathlib import Path

from lookalike import images


def peak_and_now(process: int | str = "self") -> tuple[int, int]:
    """Resident bytes of a process. Not getrusage's peak: a child begins with its parent's."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    peak, now = (int(fields[name].split()[0]) * 1024 for name in ("VmHWM", "VmRSS"))
    return peak, now


def main() -> None:
    data = Path(sys.argv[1]).read_bytes()
    before, _ = peak_and_now()
    images.decode(data)
    after, _ = peak_and_now()
    sys.stdout.write(str(after - before))


if __name__ == "__main__":
    main()
