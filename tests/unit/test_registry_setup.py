"""What an installer is told to type in is what each protocol's page says, and what the broker lets through."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from alarms.receiving.protocols import DECODERS
from alarms.registry.setup import HIDDEN, BrokerAddress, setup_of

DOCS = Path(__file__).parents[2] / "docs" / "protocols"
BROKER = BrokerAddress(host="the-server", port=1883)

PAGES = {
    # protocol: its page, and the device and the password there
    "zigbee2mqtt": ("zigbee2mqtt.md", "zb-gw", "the password"),
    "frigate": ("frigate.md", "nvr-1", "the-password"),
    "chirpstack": ("lorawan.md", "cs-1", "the-password"),
    "tasmota": ("tasmota.md", "barn-1", "the-password"),
    "shelly1": ("shelly.md", "shop-gw", "the-password"),
}


def blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [block for _, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize("protocol", PAGES)
def test_the_block_to_paste_is_the_one_of_the_protocols_page(protocol: str) -> None:
    page, device, password = PAGES[protocol]
    paste = setup_of(protocol, device, BROKER, password).paste
    plain = paste.replace(f'password: "{password}"', f"password: {password}")  # quoted for any reader of YAML
    assert plain.strip() in [block.strip() for block in blocks(page)]


@pytest.mark.parametrize("protocol", sorted(DECODERS))
def test_every_protocol_has_login_and_base_topic(protocol: str) -> None:
    setup = setup_of(protocol, "d-1", BROKER, "secret")
    values = dict(setup.values)
    assert list(values)[:6] == ["host", "port", "tls", "user", "password", "base_topic"]
    assert (values["host"], values["port"], values["user"], values["password"]) == (
        "the-server", "1883", "d-1", "secret",
    )  # fmt: skip
    assert setup.base_topic.startswith(("gw/d-1", "lianfang/v1/d-1")), "where the broker lets it publish"
    assert "secret" in setup.paste
    assert setup.base_topic.rstrip("/") in setup.paste


@pytest.mark.parametrize("protocol", [*sorted(DECODERS), "unheard_of"])
def test_without_a_password_none_is_invented(protocol: str) -> None:
    setup = setup_of(protocol, "d-1", BROKER)
    assert dict(setup.values)["password"] == HIDDEN
    assert HIDDEN in setup.paste


def test_another_port_and_tls_stand_in_every_block() -> None:
    broker = BrokerAddress(host="2001:db8::7", port=8883, tls=True)
    for protocol in DECODERS:
        setup = setup_of(protocol, "d-1", broker, "secret")
        assert "8883" in setup.paste, protocol
        assert dict(setup.values)["tls"] == "on"
    assert "mqtts://[2001:db8::7]:8883" in setup_of("zigbee2mqtt", "d-1", broker, "secret").paste
    config = json.loads(setup_of("shelly2", "d-1", broker, "secret").paste)
    assert (config["server"], config["pass"]) == ("[2001:db8::7]:8883", "secret")
