"""The receiver's own packets: a broker must read of them what was put in."""

from hypothesis import given
from hypothesis import strategies as st

from alarms.receiving.packets import puback, publish


@given(st.integers(1, 65_535))
def test_an_acknowledgement_names_its_packet(packet_id: int) -> None:
    packet = puback(packet_id)
    assert packet[:2] == b"\x40\x02"
    assert int.from_bytes(packet[2:]) == packet_id


@given(st.text(min_size=1, max_size=80), st.binary(max_size=20_000), st.binary(max_size=4))
def test_a_message_is_read_back_as_it_was(topic: str, payload: bytes, what_follows: bytes) -> None:
    stream = publish(topic, payload) + what_follows
    assert stream[0] == 0x30, "QoS 0, neither retained nor sent again"
    length, at = 0, 1
    for shift in range(0, 28, 7):
        length |= (stream[at] & 0x7F) << shift
        at += 1
        if not stream[at - 1] & 0x80:
            break
    body, rest = stream[at : at + length], stream[at + length :]
    size = int.from_bytes(body[:2])
    assert body[2 : 2 + size].decode() == topic
    assert body[2 + size] == 0, "no properties"
    assert body[3 + size :] == payload
    assert rest == what_follows


def test_lengths_are_written_as_the_standard_shows() -> None:
    """MQTT 5.0, table 1-1: the last number of one byte, and the first of two."""
    assert publish("t", bytes(123))[1:2] == b"\x7f"
    assert publish("t", bytes(124))[1:3] == b"\x80\x01"
