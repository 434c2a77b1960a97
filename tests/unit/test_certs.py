"""Certificates: what stands in them, when they are made anew, and that nobody else reads the keys."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from api import certs
from api.settings import SettingsError, load_settings

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NAMES = ["map.example", "192.0.2.7", "2001:db8::7"]


def test_the_server_certificate_is_the_cas_and_of_these_names_only(tmp_path: Path) -> None:
    made = certs.make(tmp_path / "certs", NAMES, NOW)
    made.server.verify_directly_issued_by(made.ca)
    assert certs.names_of(made.server) == NAMES
    usage = made.server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not made.server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert made.server.not_valid_after_utc - made.server.not_valid_before_utc <= timedelta(days=398)
    constraints = made.ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)


def test_only_the_owner_reads_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    certs.make(folder, NAMES, NOW)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {
        "ca.key": "0o600", "server.key": "0o600", "ca.crt": "0o644", "server.crt": "0o644",
    }  # fmt: skip


def test_nothing_is_made_anew_without_a_reason(tmp_path: Path) -> None:
    first = certs.make(tmp_path, NAMES, NOW)
    assert (first.new_ca, first.new_server) == (True, True)
    later = certs.make(tmp_path, NAMES, NOW + timedelta(days=300))
    assert (later.new_ca, later.new_server) == (False, False)
    assert later.server == first.server


def test_it_is_made_anew_before_it_ends_and_phones_go_on_trusting_it(tmp_path: Path) -> None:
    first = certs.make(tmp_path, NAMES, NOW)
    late = first.server.not_valid_after_utc - timedelta(days=29)
    files = certs.Files(tmp_path / "server.crt", tmp_path / "server.key", own=True)
    assert not certs.renew_if_due(files, late - timedelta(days=2))
    assert certs.renew_if_due(files, late)
    assert not certs.renew_if_due(files, late)
    renewed = certs.server_certificate(files)
    renewed.verify_directly_issued_by(first.ca)
    assert certs.names_of(renewed) == NAMES
    assert renewed.not_valid_after_utc > first.server.not_valid_after_utc


def test_another_name_is_added_and_no_earlier_one_lost(tmp_path: Path) -> None:
    certs.make(tmp_path, NAMES, NOW)
    made = certs.make(tmp_path, ["Second.example"], NOW)
    assert set(certs.names_of(made.server)) == {*NAMES, "second.example"}
    assert (made.new_ca, made.new_server) == (False, True)


def test_one_that_was_made_with_the_clock_ahead_is_made_anew(tmp_path: Path) -> None:
    first = certs.make(tmp_path, NAMES, NOW)
    files = certs.Files(tmp_path / "server.crt", tmp_path / "server.key", own=True)
    for path in tmp_path.glob("server.*"):
        path.unlink()
    certs.make(tmp_path, NAMES, NOW + timedelta(days=1000))
    assert certs.renew_if_due(files, NOW)
    renewed = certs.server_certificate(files)
    assert renewed.not_valid_before_utc <= NOW
    renewed.verify_directly_issued_by(first.ca)


@pytest.mark.parametrize("days", [-400, 3650])
def test_a_clock_that_is_wrong_makes_no_new_ca_by_itself(tmp_path: Path, days: int) -> None:
    first = certs.make(tmp_path, NAMES, NOW)
    files = certs.Files(tmp_path / "server.crt", tmp_path / "server.key", own=True)
    with pytest.raises(certs.CertificateError, match="if that is right, run `lianfang certs`"):
        certs.renew_if_due(files, NOW + timedelta(days=days))
    assert certs.make(tmp_path, NAMES, NOW).ca == first.ca
    asked = certs.make(tmp_path, NAMES, NOW + timedelta(days=days))
    assert asked.new_ca, "who runs the command is there to tell the phones"


def test_two_that_find_it_due_make_one(tmp_path: Path) -> None:
    certs.make(tmp_path, NAMES, NOW)
    later = NOW + timedelta(days=390)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: certs.make(tmp_path, NAMES, later), range(8)))
    assert sum(one.new_server for one in made) == 1
    assert len({one.server for one in made}) == 1


def test_a_new_ca_takes_a_new_server_certificate_with_it(tmp_path: Path) -> None:
    first = certs.make(tmp_path, NAMES, NOW)
    second = certs.make(tmp_path, NAMES, NOW, new_ca=True)
    assert certs.fingerprint(first.ca) != certs.fingerprint(second.ca)
    second.server.verify_directly_issued_by(second.ca)


def test_a_lost_or_foreign_key_is_made_anew(tmp_path: Path) -> None:
    certs.make(tmp_path / "a", NAMES, NOW)
    certs.make(tmp_path / "b", NAMES, NOW)
    (tmp_path / "a" / "server.key").write_bytes((tmp_path / "b" / "server.key").read_bytes())
    made = certs.make(tmp_path / "a", NAMES, NOW)
    assert (made.new_ca, made.new_server) == (False, True)


def test_a_server_key_of_another_certificate_is_mended_without_being_asked(tmp_path: Path) -> None:
    """The machine stopped between the writing of the key and of the certificate."""
    first = certs.make(tmp_path / "a", NAMES, NOW)
    certs.make(tmp_path / "b", NAMES, NOW)
    files = certs.Files(tmp_path / "a" / "server.crt", tmp_path / "a" / "server.key", own=True)
    files.key.write_bytes((tmp_path / "b" / "server.key").read_bytes())
    assert certs.renew_if_due(files, NOW)
    certs.server_certificate(files).verify_directly_issued_by(first.ca)
    certs.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)


@pytest.mark.parametrize("key", ["missing", "foreign"])
def test_a_ca_without_its_key_is_not_made_anew_behind_the_phones_backs(tmp_path: Path, key: str) -> None:
    first = certs.make(tmp_path / "a", NAMES, NOW)
    if key == "missing":
        (tmp_path / "a" / "ca.key").unlink()
    else:
        certs.make(tmp_path / "b", NAMES, NOW)
        (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(
        certs.CertificateError, match="bring back the right one, or run `lianfang certs --new-ca`"
    ):
        certs.make(tmp_path / "a", [*NAMES, "second.example"], NOW)
    assert (tmp_path / "a" / "server.crt").read_bytes() == first.server.public_bytes(Encoding.PEM)
    second = certs.make(tmp_path / "a", NAMES, NOW, new_ca=True)
    second.server.verify_directly_issued_by(second.ca)


@pytest.mark.parametrize("name", ["", "a b", "-x", "map.example/", "münchen", "300.1.1.1.", "x" * 64])
def test_a_wrong_name_is_told_what_would_be_right(tmp_path: Path, name: str) -> None:
    with pytest.raises(certs.CertificateError, match=r"map\.example or 192\.0\.2\.7 is right"):
        certs.make(tmp_path, [name], NOW)


def test_no_certificate_no_https_and_half_a_setting_is_refused(tmp_path: Path) -> None:
    assert certs.files_of(load_settings(var_dir=tmp_path)) is None
    with pytest.raises(SettingsError, match="set both, or neither"):
        certs.files_of(load_settings(var_dir=tmp_path, tls_cert=tmp_path / "x.pem"))
    given = certs.files_of(load_settings(var_dir=tmp_path, tls_cert=tmp_path / "x", tls_key=tmp_path / "y"))
    assert given == certs.Files(tmp_path / "x", tmp_path / "y", own=False)


def test_this_machine_is_reached_by_its_names_and_addresses() -> None:
    names = certs.own_names()
    assert {"localhost", "127.0.0.1", "::1"} <= set(names)
    assert len(names) == len(set(names))
