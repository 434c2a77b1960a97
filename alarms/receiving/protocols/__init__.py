"""Bytes in, signals out: one file a protocol. Pure: no input or output, no clock, no database."""

from __future__ import annotations

from collections.abc import Callable

from alarms.model import RawMessage
from alarms.receiving.protocols.message import Decoded, UndecodableMessage

__all__ = ["Decoded", "UndecodableMessage", "decode"]


def decode(message: RawMessage, protocol_of: Callable[[str], str | None]) -> Decoded:
    """Read one message.

    ``protocol_of`` tells which protocol a publisher below ``gw/{publisher}/`` was registered with, or None when
    it is not registered. Raises UndecodableMessage when the message cannot be read.
    """
    raise UndecodableMessage("no decoder is written yet")
