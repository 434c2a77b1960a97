"""The examples in docs/protocols become what the page says, by the decoder that the page registers."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alarms.model import RawMessage, Signal
from alarms.receiving.codes import classify_event
from alarms.receiving.protocols import DECODERS, decode
from alarms.receiving.protocols.lorawan import FIELDS
from alarms.registry.credentials import check_username
from api.embedded.mosquitto import ACCESS

PAGES = sorted((Path(__file__).parents[2] / "docs" / "protocols").glob("*.md"))
EXAMPLE = re.compile(r"```sh\n(mosquitto_pub[^`]*?)\n```\n((?:→ .*\n)*)")
REGISTER = re.compile(r"device add (\S+) --kind (\S+)(?: --protocol (\S+))?")


def _said(signal: Signal) -> str:
    words = [f"`{signal.event}` {signal.qualifier.value}"]
    if signal.zone:
        words.append(f"zone `{signal.zone}`")
    if signal.child is not None:
        words.append(f"child `{signal.child}`")
    if signal.battery_percent is not None:
        words.append(f"battery {signal.battery_percent:g} %")
    return "→ " + " · ".join(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_become_what_the_page_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    registered = {name: protocol or "lianfang" for name, _kind, protocol in REGISTER.findall(text)}
    examples = EXAMPLE.findall(text)
    assert len(examples) == text.count("mosquitto_pub"), "an example without its outcome"
    assert examples or page.stem == "README"
    for command, outcome in examples:
        words = shlex.split(command.replace("\\\n", " "))
        topic, payload, user = (words[words.index(option) + 1] for option in ("-t", "-m", "-u"))
        assert user in registered
        assert f"/{user}/" in topic, "a device may publish below its own topic only"
        raw = RawMessage(source="mqtt", topic=topic, payload=payload.encode(), received_at=datetime.now(UTC))
        decoded = decode(raw, registered.get)
        wanted = [_said(signal) for signal in decoded.signals] or [f"→ nothing to report: {decoded.note}"]
        assert [line.rstrip() for line in outcome.splitlines()] == wanted


def test_every_protocol_has_a_page_with_its_registration_and_an_example() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    registered = REGISTER.findall(text)
    assert {protocol or "lianfang" for _, _, protocol in registered} == set(DECODERS)
    for name, _, _ in registered:
        check_username(name)


def test_the_table_of_lorawan_fields_is_the_decoders() -> None:
    text = next(page for page in PAGES if page.stem == "lorawan").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| (\d{3}), zone (\w+) \|$", text, re.MULTILINE)
    documented = {
        name: (event, zone) for names, event, zone in rows for name in re.findall(r"`([^`]+)`", names)
    }
    assert documented == {name: (condition.event, condition.zone) for name, condition in FIELDS.items()}


def test_codes_in_the_tables_are_known_codes() -> None:
    for page in PAGES:
        for code in re.findall(r"\| (\d{3}) \w", page.read_text(encoding="utf-8")):
            assert "Unknown" not in classify_event(code).name_en, (page.stem, code)


def test_the_table_of_rights_is_the_brokers() -> None:
    text = next(page for page in PAGES if page.stem == "README").read_text(encoding="utf-8")
    told = set()
    for login, writes, reads in re.findall(r"^\| (.+?) \| (.*?) ?\| (.*?) ?\|$", text, re.MULTILINE):
        name = re.match(r"`(\w+)`", login)
        for right, topics in (("write", writes), ("read", reads)):
            told |= {(name and name[1], right, topic) for topic in re.findall(r"`([^`]+[/#][^`]*)`", topics)}
    granted = set()
    user = None
    for line in ACCESS.splitlines():
        words = line.split()
        if words[:1] == ["user"]:
            user = words[1]
        elif words and words[0] in ("pattern", "topic"):
            whose = None if words[0] == "pattern" else user
            for right in ("read", "write"):
                if right in words[1]:
                    granted.add((whose, right, words[2].replace("%u", "{id}")))
    assert told == granted


def test_every_protocol_stands_in_the_first_table_and_on_the_installers_page() -> None:
    text = next(page for page in PAGES if page.stem == "README").read_text(encoding="utf-8")
    table = text.partition("| registered protocol |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.partition(" | ")[0])}
    assert named == set(DECODERS)
    step = Path(__file__).parents[2] / "map_ui" / "src" / "install" / "device-step.ts"
    assert set(re.findall(r"^ {2}\{ name: '(\w+)'", step.read_text(encoding="utf-8"), re.MULTILINE)) == set(
        DECODERS
    )


def test_every_protocol_has_telegrams() -> None:
    telegrams = Path(__file__).parents[1] / "telegrams"
    assert {path.stem for path in telegrams.glob("*.json")} == set(DECODERS)
