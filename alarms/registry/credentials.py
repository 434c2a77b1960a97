"""What a device logs in with at the broker.

A line of mosquitto's password file is ``name:$7$iterations$salt$hash``: PBKDF2 with SHA-512 (RFC 8018), salt and
hash in base64. Passwords are made here and are long and random, so mosquitto's own 101 iterations are enough; they
keep a storm of reconnecting devices cheap.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets

ITERATIONS = 101
SALT_BYTES = 12
HASH_BYTES = 64

RESERVED_USERNAMES = frozenset({"intake", "enrol", "demo", "video"})
"""The installation's own logins at the broker; no device may be called so."""

_USERNAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def make_password() -> str:
    """A new random password of 24 characters that can be typed anywhere (144 bits)."""
    return secrets.token_urlsafe(18)


def check_username(username: str) -> None:
    """Raise ``ValueError`` unless this may be the login of a device: its ``device_id``, and not a reserved name."""
    if not _USERNAME.fullmatch(username):
        raise ValueError(f"{username!r} cannot be a device id: 1 to 64 of the characters A-Z a-z 0-9 _ -")
    if username in RESERVED_USERNAMES:
        raise ValueError(f"{username!r} is a login of the installation itself: choose another device id")


def hash_password(password: str, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The ``$7$...`` part of a password line."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, HASH_BYTES)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def verify_password(password: str, hashed: str) -> bool:
    """Whether ``password`` made this ``$7$...``; a malformed one is never right."""
    try:
        empty, kind, iterations, salt, digest = hashed.split("$")
        if (empty, kind) != ("", "7"):
            return False
        again = hash_password(
            password, salt=base64.b64decode(salt, validate=True), iterations=int(iterations)
        )
    except (ValueError, OverflowError, binascii.Error):
        return False
    return hmac.compare_digest(again.rpartition("$")[2], digest)


def password_line(username: str, hashed: str) -> str:
    """One line of the broker's password file, without a line break."""
    return f"{username}:{hashed}"
