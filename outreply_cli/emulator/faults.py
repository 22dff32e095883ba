"""Misbehaviour on request: what the emulator does wrong, to which requests, how often."""

import fnmatch
import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from outreply_cli.errors import InvalidInputError

FAULT_HEADER = "X-Emulator-Fault"
KINDS = {
    "drop-before": "cut the connection before the request is carried out",
    "drop-after": "carry the request out, then cut the connection",
    "delay": "answer SECONDS late, such as delay:2.5",
    "status": "answer with a STATUS without carrying out, such as status:503",
    "garbage": "carry out, then answer with bytes that are no JSON",
    "truncate": "carry out, then end in the middle of the answer",
    "rate-limit": "answer 429 with Retry-After SECONDS, such as rate-limit:3",
    "skew": "send a Date that is off by SECONDS, such as skew:-300",
}
# Of those that may stand without a number.
_DEFAULTS = {"drop-before": 0.0, "drop-after": 0.0, "garbage": 0.0, "truncate": 0.0,
             "rate-limit": 1.0}  # fmt: skip
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,3})?")
_DELAY_MAX = 600.0
_CHOICES: dict[str, Callable[[Any], bool]] = {
    "method": lambda given: given is None or isinstance(given, str),
    "path": lambda given: given is None or isinstance(given, str),
    "every": lambda given: type(given) is int and given >= 1,
    "probability": lambda given: type(given) in {int, float} and 0 <= given <= 1,
    "seed": lambda given: type(given) is int,
    "times": lambda given: given is None or (type(given) is int and given >= 1),
}


@dataclass(frozen=True)
class FaultSpec:
    """One thing to do wrong; `value` is in the unit that KINDS tells."""

    kind: str
    value: float = 0.0

    def __str__(self) -> str:
        # As it is written, to three decimals; what means nothing is left out.
        if not self.value and _DEFAULTS.get(self.kind) == self.value:
            return self.kind
        return f"{self.kind}:{f'{self.value:.3f}'.rstrip('0').rstrip('.')}"


@dataclass
class Fault:
    """A misbehaviour and the requests that meet it.

    Attributes:
        number: What it is called by.
        method: The requests' method; None for any.
        path: A pattern of their path below `/api/v1`, such as `/posts/*`; None for any.
        every: Every which matching request is met.
        probability: The chance of one that `every` chose.
        times: How often it strikes in all; None for always.
        seen: How many requests matched.
        hits: How many were met.
    """

    number: int
    misbehaviour: FaultSpec
    method: str | None = None
    path: str | None = None
    every: int = 1
    probability: float = 1.0
    seed: int = 0
    times: int | None = None
    seen: int = 0
    hits: int = 0
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Chance here is for rehearsals, and has to be the same at each run.
        self._chance = random.Random(self.seed)  # noqa: S311

    def matches(self, method: str, path: str) -> bool:
        """Whether this request is met; counts it."""
        if self.method not in {None, method}:
            return False
        if self.path is not None and not fnmatch.fnmatchcase(path, self.path):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.seen += 1
        if self.seen % self.every or self._chance.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def view(self) -> dict[str, Any]:
        """As `fault list` shows it."""
        return {
            "number": self.number,
            "fault": str(self.misbehaviour),
            "method": self.method,
            "path": self.path,
            "every": self.every,
            "probability": self.probability,
            "times": self.times,
            "seen": self.seen,
            "struck": self.hits,
        }


class Faults:
    """The faults in force; they end with the emulator."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._kept: list[Fault] = []
        self._last = 0

    def add(self, text: str, **choices: Any) -> Fault:
        """Put one in force; raises InvalidInputError."""
        misbehaviour = parse_fault(text)
        _check_choices(choices)
        with self._turn:
            self._last += 1
            fault = Fault(self._last, misbehaviour, **choices)
            self._kept.append(fault)
        return fault

    def clear(self, number: int | None = None) -> int:
        """End one, or all of them; returns how many."""
        with self._turn:
            kept = [f for f in self._kept if number is not None and f.number != number]
            ended = len(self._kept) - len(kept)
            self._kept = kept
        return ended

    def view(self) -> list[dict[str, Any]]:
        """All in force, oldest first."""
        with self._turn:
            return [fault.view() for fault in self._kept]

    def pick(self, method: str, path: str, header: str | None) -> FaultSpec | None:
        """What goes wrong with a request: what its own header asks for, else the first that meets.

        Raises:
            InvalidInputError: The header names no fault.
        """
        if header is not None:
            return parse_fault(header)
        with self._turn:
            struck = next((one for one in self._kept if one.matches(method, path)), None)
        return struck.misbehaviour if struck is not None else None


def _check_choices(choices: Mapping[str, Any]) -> None:
    for name, given in choices.items():
        if name not in _CHOICES:
            raise InvalidInputError(
                f"a fault has no choice {name!r}", hint=f"Choose: {', '.join(_CHOICES)}"
            )
        if not _CHOICES[name](given):
            raise InvalidInputError(
                f"{given!r} can't be meant for {name}",
                hint="every and times are at least 1, and a probability from 0 to 1.",
            )


def parse_fault(text: str) -> FaultSpec:
    """`KIND` or `KIND:NUMBER`; raises InvalidInputError."""
    kind, _, given = text.strip().partition(":")
    if kind not in KINDS:
        raise InvalidInputError(f"there is no fault {kind!r}", hint=f"Choose: {', '.join(KINDS)}")
    if not given and kind in _DEFAULTS:
        return FaultSpec(kind, _DEFAULTS[kind])
    if not _NUMBER.fullmatch(given):
        raise InvalidInputError(f"the fault {kind} needs a number: {KINDS[kind]}")
    value = float(given)
    sound = {
        "status": 400 <= value <= 599 and value.is_integer(),
        "delay": 0 <= value <= _DELAY_MAX,
        "rate-limit": value >= 0 and value.is_integer(),
    }
    if not sound.get(kind, True):
        raise InvalidInputError(
            f"{given} can't be meant for {kind}",
            hint=f"A status is from 400 to 599, a delay at most {_DELAY_MAX:.0f} seconds, and "
            "Retry-After a whole number from 0.",
        )
    return FaultSpec(kind, value)
