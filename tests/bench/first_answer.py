"""A search function that starts, answers the events of a file, and says what that cost."""

import json
import resource
import sys
from pathlib import Path

from functions.search.handler import lambda_handler
from local.sandbox import Context


def main() -> None:
    events = json.loads(Path(sys.argv[1]).read_bytes())
    answers = [lambda_handler(event, Context("search")) for event in events]
    used = resource.getrusage(resource.RUSAGE_SELF)
    said = {
        "cpu": used.ru_utime + used.ru_stime,
        "torch": "torch" in sys.modules,
        "statuses": [answer["statusCode"] for answer in answers],
    }
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
