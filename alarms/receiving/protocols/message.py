"""What a decoder answers with: the signals it read, or why it could not read the message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alarms.model import Qualifier, Signal

REASON_LIMIT = 300
EXCERPT_LIMIT = 40


class UndecodableMessage(ValueError):  # noqa: N818  the name says what happened to operators
    """A message that no decoder understands; it is kept, marked rejected and shown to operators.

    The text says what was wrong, where in the payload, and what would be right. It is bounded, and quotes at
    most a few characters of the payload: operators read it, and so do logs.
    """

    def __init__(self, reason: str, *, keep: bool = True) -> None:
        super().__init__(_bounded(reason))
        self.keep = keep
        """As of what was decoded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """What one message says. No signals and a note: understood, and nothing to report."""

    protocol: str
    """Name of the decoder that read it, as registered for the publisher."""
    signals: tuple[Signal, ...]
    note: str = ""
    stranger: str | None = None
    """Of a message on the enrolment login: the name that its device gives itself."""
    keep: bool = True
    """False: its bytes name or show people, or hold a secret. What became of it is remembered, and they are not."""


def read(protocol: str, signals: Sequence[Signal], doubts: Sequence[str]) -> Decoded:
    """What could be read of a message, with what could not as its note: a smoke alarm is not lost for a battery.

    Raises UndecodableMessage when nothing remains but doubts.
    """
    if doubts and not signals:
        raise UndecodableMessage("; ".join(doubts))
    note = _bounded("; ".join(doubts)) if doubts else ""
    return Decoded(protocol=protocol, signals=tuple(signals), note=note)


def _bounded(reason: str) -> str:
    if "\x00" in reason:
        reason = reason.replace("\x00", "\\0")
    return reason if len(reason) <= REASON_LIMIT else reason[: REASON_LIMIT - 1] + "…"


def excerpt(value: object) -> str:
    """A value as quoted in an error: short, and in quotes when it is text."""
    text = value if isinstance(value, str) else repr(value)
    if len(text) > EXCERPT_LIMIT:
        text = text[: EXCERPT_LIMIT - 1] + "…"
    return f'"{text}"' if isinstance(value, str) else text


def presence(*, publisher: str, child: str | None, online: bool) -> Signal:
    """The signal of a device that is reachable (again) or no longer."""
    return Signal(
        publisher=publisher,
        child=child,
        event="supervision",
        qualifier=Qualifier.RESTORE if online else Qualifier.NEW,
        online=online,
    )


def as_state(signal: Signal) -> Signal:
    """A signal of a retained message: it tells how things were, and never raises or ends an alarm."""
    return signal if signal.qualifier is Qualifier.STATUS else replace(signal, qualifier=Qualifier.STATUS)
