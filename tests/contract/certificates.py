"""Certificates for servers on this computer, good and bad ones."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    """Signs certificates; whoever trusts `file` trusts them."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        made = self._builder(self._name, self._key.public_key(), datetime.now(UTC), 30 * DAY)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file = folder / "authority.pem"
        signed = made.sign(self._key, hashes.SHA256())
        self.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def server(self, *names: str, starts: timedelta = -DAY, alone: bool = False) -> ssl.SSLContext:
        """Return TLS for a server of these names; `alone` is one that nobody vouches for."""
        key = ec.generate_private_key(ec.SECP256R1())
        begins = datetime.now(UTC) + starts
        issuer = _named(names[0]) if alone else self._name
        made = self._builder(issuer, key.public_key(), begins, 2 * DAY, subject=_named(names[0]))
        alternatives = [_alternative(name) for name in sorted(set(names))]
        made = made.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        signed = made.sign(key if alone else self._key, hashes.SHA256())
        pem = self._folder / f"server-{signed.serial_number}.pem"
        pem.write_bytes(
            signed.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    @staticmethod
    def _builder(
        issuer: x509.Name,
        key: ec.EllipticCurvePublicKey,
        begins: datetime,
        lasts: timedelta,
        subject: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject or issuer)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + lasts)
        )
