"""Certificates for HTTPS: the installation's own certification authority (CA), or files that the operator has.

Browsers on phones give position, camera and storage only over HTTPS, and a control room has no public name that
somebody else's authority would sign. So ``lianfang certs`` makes a CA of this installation (ten years) and with it the
server's certificate (397 days, the longest that phones accept), under ``var/certs``: keys 0600, whole or not there. It
is made anew before it runs out, or when it has to hold another name. The profile is RFC 5280: basic constraints and key
usage critical, subject alternative names (browsers read no other name), subject and authority key identifiers.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from api.settings import PREFIX, Settings, SettingsError

CA_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
TOLERANCE = timedelta(days=1)
"""A phone's clock may be behind ours."""

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CertificateError(Exception):
    """A certificate cannot be made or used; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Files:
    """The certificate and the key that HTTPS is served with. ``own``: made here, so we may make it anew."""

    cert: Path
    key: Path
    own: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What there is now, and what of it is new."""

    ca: x509.Certificate
    server: x509.Certificate
    new_ca: bool
    new_server: bool


def folder_of(settings: Settings) -> Path:
    """Where the own ones lie."""
    return settings.var_dir / "certs"


def files_of(settings: Settings) -> Files | None:
    """What HTTPS is to be served with; None: there is no certificate, so no HTTPS. Raises ``SettingsError``."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise SettingsError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY belong together: set both, or neither")
    if settings.tls_cert is not None and settings.tls_key is not None:
        return Files(settings.tls_cert, settings.tls_key, own=False)
    own = Files(folder_of(settings) / "server.crt", folder_of(settings) / "server.key", own=True)
    return own if own.cert.exists() else None


def own_ca(settings: Settings) -> x509.Certificate | None:
    """The own CA's certificate, where it is the one that a phone has to trust."""
    files = files_of(settings)
    if files is None or not files.own:
        return None
    return _certificate(folder_of(settings) / "ca.crt")


def server_certificate(files: Files) -> x509.Certificate:
    """What browsers are shown. Raises ``CertificateError``."""
    found = _certificate(files.cert)
    if found is None:
        raise CertificateError(f"there is no certificate {files.cert}: `lianfang certs` makes one")
    return found


def load_into(context: ssl.SSLContext, files: Files) -> None:
    """Have a server show this certificate from the next connection on. Raises ``CertificateError``, and then it goes on
    showing the one before: a context that refused a pair has lost its key, so the pair is tried elsewhere first."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.cert, files.key)
        context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        raise CertificateError(
            f"{files.cert} and {files.key} cannot be used: {error.strerror or error}. A PEM certificate and its "
            f"unencrypted key are right"
        ) from error


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 as phones show it: pairs of digits with colons."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def names_of(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses that it stands for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        *names.get_values_for_type(x509.DNSName),
        *(str(one) for one in names.get_values_for_type(x509.IPAddress)),
    ]


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether it is to be made anew: it ends soon, or begins later, because the clock was wrong when it was made."""
    return certificate.not_valid_after_utc - now < RENEW_BEFORE or certificate.not_valid_before_utc > now


def make(
    folder: Path, names: Iterable[str], now: datetime, *, new_ca: bool = False, keep_ca: bool = False
) -> Made:
    """Make what is missing, due, of another CA, or lacks a name; leave the rest. Raises ``CertificateError``.

    Names of the certificate before stay: a device or a bookmark may use them. A CA without its key is not made anew
    unless that is asked for: every phone would warn, and the key may only have been put elsewhere. With ``keep_ca`` not
    one that is due either: nobody is there to tell the phones, and it may be the clock that is wrong.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with _alone(folder):
        return _made(folder, names, now, new_ca=new_ca, keep_ca=keep_ca)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of two processes that find a certificate due, one makes it and the other finds it made."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _made(folder: Path, names: Iterable[str], now: datetime, *, new_ca: bool, keep_ca: bool) -> Made:
    ca, ca_key = _certificate(folder / "ca.crt"), _key(folder / "ca.key")
    if ca is not None and not new_ca and (ca_key is None or ca_key.public_key() != ca.public_key()):
        raise CertificateError(
            f"{folder / 'ca.key'} is not the key of {folder / 'ca.crt'}: bring back the right one, or run "
            "`lianfang certs --new-ca` and have each phone fetch the new CA"
        )
    if ca is not None and keep_ca and is_due(ca, now):
        raise CertificateError(
            f"the own CA is valid from {ca.not_valid_before_utc:%Y-%m-%d} to {ca.not_valid_after_utc:%Y-%m-%d}, and "
            f"now it is {now:%Y-%m-%d}: if that is right, run `lianfang certs` and have each phone fetch the new CA"
        )
    ca_is_new = new_ca or ca is None or is_due(ca, now)
    if ca_is_new or ca is None or ca_key is None:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _ca_certificate(ca_key, now)
        _write(folder / "ca.key", _pem(ca_key))
        _write(folder / "ca.crt", ca.public_bytes(serialization.Encoding.PEM), mode=0o644)
    before, key = _certificate(folder / "server.crt"), _key(folder / "server.key")
    wanted = list(dict.fromkeys([*(_checked(one) for one in names), *(names_of(before) if before else [])]))
    if (
        before is None
        or key is None
        or is_due(before, now)
        or not _signed_by(before, ca)
        or before.public_key() != key.public_key()
        or set(wanted) != set(names_of(before))
    ):
        key = ec.generate_private_key(ec.SECP256R1())
        server = _server_certificate(key, wanted, ca, ca_key, now)
        _write(folder / "server.key", _pem(key))  # first: a key without its certificate is made anew
        _write(folder / "server.crt", server.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return Made(ca=ca, server=server, new_ca=ca_is_new, new_server=True)
    return Made(ca=ca, server=before, new_ca=ca_is_new, new_server=False)


def renew_if_due(files: Files, now: datetime) -> bool:
    """Make an own certificate anew whose end is near, or whose key is another's (it was being made when the machine
    stopped); whether it did. Raises ``CertificateError``."""
    if not files.own:
        return False
    shown, key = server_certificate(files), _key(files.key)
    if key is not None and key.public_key() == shown.public_key() and not is_due(shown, now):
        return False
    return make(files.cert.parent, names_of(shown), now, keep_ca=True).new_server


def own_names() -> list[str]:
    """The host names and addresses by which this machine can be reached."""
    hosts = [name for name in (socket.gethostname(), socket.getfqdn()) if _HOST.fullmatch(name)]
    return list(dict.fromkeys([*hosts, *_LOOPBACK, *_addresses()]))


def _addresses(root: Path = Path("/proc/net")) -> list[str]:
    """The kernel's own list of this machine's addresses; what is only valid on one cable (link-local) is left out."""
    found: list[str] = []
    trie, last = root / "fib_trie", ""
    for line in trie.read_text(encoding="ascii").splitlines() if trie.exists() else ():
        words = line.split()
        if words[:1] == ["|--"]:
            last = words[1]
        elif words == ["/32", "host", "LOCAL"]:
            found.append(last)
    table = root / "if_inet6"
    rows = table.read_text(encoding="ascii").splitlines() if table.exists() else []
    found += [str(ipaddress.IPv6Address(int(row.split()[0], 16))) for row in rows]
    return [
        one
        for one in dict.fromkeys(found)
        if not (ipaddress.ip_address(one).is_link_local or ipaddress.ip_address(one).is_loopback)
    ]


def _checked(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        if _HOST.fullmatch(name):
            return name.lower()
    raise CertificateError(f"{name!r} is no host name and no address: map.example or 192.0.2.7 is right")


def _alternative(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def _ca_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    # A name of its own for each: a phone that holds an earlier one must not take it for this one.
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lianfang"),
            x509.NameAttribute(
                NameOID.COMMON_NAME, f"Lianfang CA {socket.gethostname()} {now:%Y-%m-%d %H:%M}"[:64]
            ),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - TOLERANCE)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server_certificate(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - TOLERANCE)
        .not_valid_after(min(now + SERVER_LIFE - TOLERANCE, ca.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName(_alternative(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CertificateError(
            f"{path} is no PEM certificate: remove it, and run `lianfang certs`"
        ) from error


def _key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{path} is no PEM key: remove it, and run `lianfang certs`") from error
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Whole or not at all, and never for a moment more open than it is to be."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(mode)
    temporary.replace(path)


def utc_now() -> datetime:
    """Certificates know no zone but UTC, and no fractions of seconds."""
    return datetime.now(UTC).replace(microsecond=0)
