"""HTTPS beside HTTP: a real TLS connection that the own CA vouches for, and the same application behind both."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import psycopg
import pytest
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs

from api import certs, doctor
from api.auth.passwords import hash_password
from api.embedded.certificate import follow_certificate
from api.embedded.mosquitto import EmbeddedMosquitto, TlsListener
from api.embedded.ports import any_free
from api.services import ServiceError
from api.serving import Listening
from api.settings import Settings, SettingsError
from api.up import Up, require_http_port
from tests.integration.processes import processes_of
from tests.integration.servers import start
from tests.integration.serving import wait_until
from tests.integration.terminal import ROOT, Terminal
from tests.stories import World

PASSWORD = "correct horse battery"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """An installation with ports of its own."""
    ports = {"http_port": any_free("127.0.0.1"), "https_port": any_free("127.0.0.1")}
    return settings.model_copy(update=ports)


def make(settings: Settings, age: timedelta = timedelta(0)) -> certs.Made:
    return certs.make(certs.folder_of(settings), ["localhost", "127.0.0.1"], certs.utc_now() - age)


@contextmanager
def listening(settings: Settings, ca: Path | None = None) -> Iterator[Listening]:
    server = Listening(settings, look_s=0.05)
    thread = threading.Thread(target=server.run, name="listening")
    thread.start()
    try:
        wait_until(lambda: answers(settings, ca), what="HTTPS")
        yield server
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive(), "it does not stop"


def trusting(settings: Settings, ca: Path | None = None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca or certs.folder_of(settings) / "ca.crt"))


def client(settings: Settings, verify: ssl.SSLContext | None = None) -> httpx.Client:
    return httpx.Client(base_url=settings.https_url, verify=verify or trusting(settings), timeout=20)


def answers(settings: Settings, ca: Path | None = None) -> bool:
    try:
        with client(settings, trusting(settings, ca)) as asking:
            return asking.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def shown(settings: Settings) -> x509.Certificate:
    """The certificate that a new connection is shown."""
    return x509.load_pem_x509_certificate(
        ssl.get_server_certificate(("127.0.0.1", settings.https_port)).encode()
    )


def test_the_ca_vouches_for_the_server_and_nobody_else_does(settings: Settings) -> None:
    made = make(settings)
    with listening(settings):
        with client(settings) as phone:
            fetched = phone.get("/install/ca.crt")
        assert fetched.headers["content-type"] == "application/x-x509-ca-cert"
        assert x509.load_pem_x509_certificate(fetched.content) == made.ca
        assert fetched.headers["x-certificate-sha256"] == certs.fingerprint(made.ca)
        with client(settings, ssl.create_default_context()) as stranger, pytest.raises(httpx.ConnectError):
            stranger.get("/healthz")
        named = settings.https_url.replace("127.0.0.1", "127.0.0.2")
        with httpx.Client(verify=trusting(settings)) as phone, pytest.raises(httpx.ConnectError):
            phone.get(f"{named}/healthz")


def test_it_is_one_application_and_the_cookie_stays_on_https(
    settings: Settings, owner_conn: psycopg.Connection[Any]
) -> None:
    make(settings)
    World(owner_conn).user("zhang", role="installer")
    owner_conn.execute("UPDATE users SET password_hash = %s", [hash_password(PASSWORD)])
    owner_conn.commit()
    body = {"username": "zhang", "password": PASSWORD}
    with listening(settings), client(settings) as phone, httpx.Client(base_url=settings.url) as here:
        signed_in = phone.post("/api/v1/session", json=body)
        assert signed_in.status_code == 200, signed_in.text
        assert "Secure" in signed_in.headers["set-cookie"]
        assert phone.get("/api/v1/session").json()["user"]["username"] == "zhang"
        assert "Secure" not in here.post("/api/v1/session", json=body).headers["set-cookie"]
        # Wrong passwords are counted together: a second door gives no second try.
        wrong = {"username": "zhang", "password": "wrong"}
        tried = [one.post("/api/v1/session", json=wrong).status_code for one in (phone, here) * 4]
        assert tried[-1] == 429


def test_a_certificate_near_its_end_is_made_anew_and_shown_without_a_restart(settings: Settings) -> None:
    old = make(settings, timedelta(days=340))
    with listening(settings):
        assert shown(settings) == old.server
        folder = certs.folder_of(settings)
        due = certs.make(folder, ["second.example"], certs.utc_now() - timedelta(days=375)).server
        assert certs.is_due(due, certs.utc_now())

        def renewed() -> bool:
            now_shown = shown(settings)
            return now_shown not in (old.server, due) and not certs.is_due(now_shown, certs.utc_now())

        wait_until(renewed, what="the renewed certificate")
        assert answers(settings), "the phone goes on trusting it"
        assert set(certs.names_of(shown(settings))) == {"localhost", "127.0.0.1", "second.example"}


def test_one_that_ended_while_nothing_ran_is_made_anew_at_the_start(settings: Settings) -> None:
    make(settings, timedelta(days=800))
    with listening(settings):
        assert not certs.is_due(shown(settings), certs.utc_now())


def test_given_files_are_used_and_never_written(settings: Settings, tmp_path: Path) -> None:
    certs.make(tmp_path / "given", ["127.0.0.1"], certs.utc_now() - timedelta(days=380))
    settings = settings.model_copy(
        update={"tls_cert": tmp_path / "given/server.crt", "tls_key": tmp_path / "given/server.key"}
    )
    before = (tmp_path / "given/server.crt").read_bytes()
    certs.folder_of(settings).mkdir(parents=True)
    shutil.copy(tmp_path / "given/ca.crt", certs.folder_of(settings) / "ca.crt")
    with listening(settings), client(settings) as phone:
        assert phone.get("/install/ca.crt").status_code == 404, "whose CA that is, its owner tells"
    assert (tmp_path / "given/server.crt").read_bytes() == before


def test_a_given_certificate_that_is_replaced_before_its_key_goes_on_being_shown(
    settings: Settings, tmp_path: Path
) -> None:
    """Whoever copies two files copies one after the other."""
    now = certs.utc_now()
    old = certs.make(tmp_path / "given", ["127.0.0.1"], now)
    new = certs.make(tmp_path / "next", ["127.0.0.1"], now)
    files = {"tls_cert": tmp_path / "given/server.crt", "tls_key": tmp_path / "given/server.key"}
    with capture_logs() as logs, listening(settings.model_copy(update=files), tmp_path / "given/ca.crt"):
        shutil.copyfile(tmp_path / "next/server.crt", files["tls_cert"])
        wait_until(lambda: any(one["event"] == "certificate_not_read" for one in logs), what="a look at it")
        assert shown(settings) == old.server
        shutil.copyfile(tmp_path / "next/server.key", files["tls_key"])
        wait_until(lambda: shown(settings) == new.server, what="the new pair")


def test_one_that_cannot_be_renewed_serves_until_its_end(settings: Settings) -> None:
    old = make(settings, timedelta(days=380))
    (certs.folder_of(settings) / "ca.key").unlink()
    with capture_logs() as logs, listening(settings):
        assert shown(settings) == old.server
    assert "--new-ca" in next(one["why"] for one in logs if one["event"] == "certificate_not_renewed")


def test_a_key_that_does_not_fit_is_said_before_anything_listens(settings: Settings, tmp_path: Path) -> None:
    certs.make(tmp_path / "a", ["127.0.0.1"], certs.utc_now())
    certs.make(tmp_path / "b", ["127.0.0.1"], certs.utc_now())
    files = {"tls_cert": tmp_path / "a/server.crt", "tls_key": tmp_path / "b/server.key"}
    with pytest.raises(certs.CertificateError, match="its unencrypted key are right"):
        Listening(settings.model_copy(update=files))


def test_doctor_says_when_it_is_about_to_end(settings: Settings) -> None:
    assert list(doctor.look_at_certificate(settings)) == []
    make(settings)
    (found,) = doctor.look_at_certificate(settings)
    assert not found.bad
    assert "localhost" in found.what
    shutil.rmtree(certs.folder_of(settings))
    make(settings, timedelta(days=380))
    (found,) = doctor.look_at_certificate(settings)
    assert found.bad
    assert "browsers will refuse it" in found.what
    assert "lianfang certs" in found.advice
    shutil.rmtree(certs.folder_of(settings))
    make(settings, timedelta(days=-400))
    (found,) = doctor.look_at_certificate(settings)
    assert found.bad
    assert "begins on" in found.what


def test_a_taken_https_port_is_said(settings: Settings) -> None:
    make(settings)
    with listening(settings):
        other = settings.model_copy(update={"http_port": any_free("127.0.0.1")})
        with pytest.raises(ServiceError, match="LIANFANG_HTTPS_PORT"):
            require_http_port(other)


@pytest.mark.timeout(300)
def test_up_serves_it_and_stops_in_order(var: Path, port: int, tmp_path: Path) -> None:
    https = any_free("127.0.0.1")
    environment = os.environ | {"LIANFANG_VAR_DIR": str(var), "LIANFANG_HTTPS_PORT": str(https)}
    made = subprocess.run(
        [sys.executable, "-m", "api.cli", "certs", "--ca-out", str(tmp_path / "ca.crt")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    ca = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    assert certs.fingerprint(ca) in made.stdout
    assert "LIANFANG_HTTPS_HOST=0.0.0.0 lets phones in" in made.stdout
    terminal = Terminal("up", var=var, port=port, LIANFANG_HTTPS_PORT=str(https))
    try:
        terminal.until_said(f"Lianfang is up: .* and https://127.0.0.1:{https}")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        with httpx.Client(base_url=f"https://127.0.0.1:{https}", verify=context) as phone:
            wait_until(lambda: phone.get("/readyz").status_code == 200, what="everything")
    finally:
        assert terminal.ctrl_c() == 0, terminal.text
    assert processes_of(var) == {}


def test_the_embedded_broker_shows_the_same_certificate_and_its_successor(
    run_dir: Path, settings: Settings
) -> None:
    made = make(settings)
    files = certs.files_of(settings)
    assert files is not None
    folder = run_dir / f"tls-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    tls = TlsListener(any_free("127.0.0.1"), files.cert, files.key)
    mosquitto = EmbeddedMosquitto(folder / "mosquitto", tls=tls)
    process = start(mosquitto)

    def broker_shows() -> x509.Certificate:
        shown = ssl.get_server_certificate(("127.0.0.1", tls.port))
        return x509.load_pem_x509_certificate(shown.encode())

    async def until_it_shows(successor: x509.Certificate) -> None:
        follow = asyncio.create_task(follow_certificate(mosquitto, lambda: process.pid, print, look_s=0.05))
        await asyncio.to_thread(wait_until, lambda: broker_shows() == successor, what="the successor")
        follow.cancel()

    try:
        assert broker_shows() == made.server
        assert (folder / "mosquitto/tls.key").stat().st_mode & 0o777 == 0o600
        login = mosquitto.login("demo")
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set(login.username, login.password)
        client.tls_set(ca_certs=str(certs.folder_of(settings) / "ca.crt"))
        heard: list[bool] = []
        client.on_connect = lambda _c, _d, _f, code, _p: heard.append(not code.is_failure)
        client.connect("127.0.0.1", tls.port)
        client.loop_start()
        wait_until(lambda: heard, what="the broker's answer")
        assert heard == [True]
        asyncio.run(until_it_shows(certs.make(files.cert.parent, ["second.example"], certs.utc_now()).server))
        assert client.is_connected(), "who is connected stays so"
        # Whoever copies two files copies one after the other: the broker shows the earlier pair until both are there.
        third = certs.make(folder / "third", ["127.0.0.1"], certs.utc_now())
        shutil.copyfile(folder / "third/server.crt", files.cert)
        with pytest.raises(certs.CertificateError, match="cannot be used"):
            mosquitto.copy_certificate()
        mosquitto.reload(process.pid)
        assert broker_shows() != third.server
        client.disconnect()
        client.loop_stop()
        # A broker that ends just then comes back with the earlier pair too, and so it does with none at all.
        process.terminate()
        process.wait(timeout=30)
        process = start(mosquitto)
        assert broker_shows() != third.server
        kept = files.cert.rename(files.cert.with_name("kept.crt"))
        mosquitto.prepare_certificate()
        kept.rename(files.cert)
        # `openssl pkcs12` writes the name of the certificate between its blocks, in the encoding of who made it.
        files.cert.write_bytes("friendlyName: 三门峡\n".encode("gbk") + files.cert.read_bytes())
        shutil.copyfile(folder / "third/server.key", files.key)
        asyncio.run(until_it_shows(third.server))
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_tls_of_the_broker_needs_a_certificate(settings: Settings) -> None:
    settings = settings.model_copy(update={"mqtt_url": None, "mqtts_port": 8883})
    with pytest.raises(SettingsError, match="run `lianfang certs` first"):
        Up(settings, print)
    make(settings)
    mosquitto = Up(settings, print).mosquitto
    assert mosquitto is not None
    assert mosquitto.tls is not None
    assert mosquitto.tls.port == 8883
