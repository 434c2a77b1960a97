"""What a reader's grants come to."""

from __future__ import annotations

from api.auth.dependencies import Reader


def reader(*grants: tuple[str, str]) -> Reader:
    return Reader(
        user_id=1,
        username="wang",
        display_name="wang",
        locale="zh",
        grants=tuple({"role": role, "key": key} for role, key in grants),
        token_hash=b"",
    )


def test_tiles_have_another_address_when_another_role_opens_them() -> None:
    """The browser keeps a tile for ever: the empty ones of an auditor must not be a dispatcher's."""
    auditor = reader(("auditor", "*"))
    both = reader(("auditor", "*"), ("dispatcher", "*"))
    assert auditor.scope_digest != both.scope_digest
    assert both.scope_digest == reader(("dispatcher", "*")).scope_digest, "the same is opened"
    assert both.scope_digest != reader(("dispatcher", "411282000000")).scope_digest
