"""What may be said after a flag: each is read or refused in one sentence."""

import argparse

MAX_LIMIT = 100  # as the API's


def port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_LIMIT}")
    return int(text)


def share(text: str) -> float:
    (found,) = _numbers(text, 1)
    if not 0 < found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return found


def crop(text: str) -> tuple[float, ...]:
    box = _numbers(text, 4)
    x, y, w, h = box
    if not (0 <= x < 1 and 0 <= y < 1 and 0 < w <= 1 and 0 < h <= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not x,y,w,h in fractions from 0 to 1")
    return box


def triple(text: str) -> tuple[float, ...]:
    return _numbers(text, 3)


def _numbers(text: str, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise argparse.ArgumentTypeError(f"{text!r} is not {count} numbers with commas between")
    return numbers
