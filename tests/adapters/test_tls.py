"""A server whose certificate nobody signed is refused, once, and told why."""

from __future__ import annotations

import datetime
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from midstream_adapters.base import Options
from midstream_adapters.events import State
from midstream_adapters.registry import open_source
from tests.adapters.servers import Request, always, answer, raw_http, watch


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize("kind", ["sse", "ws", "openai"])
async def test_an_untrusted_certificate_is_final(kind: str, tls: ssl.SSLContext) -> None:
    asked: list[Request] = []
    async with raw_http(always(answer()), tls) as url:
        source = {"sse": url, "ws": url.replace("https", "wss"), "openai": "openai:m"}[kind]
        options = Options(env={"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "k"})
        sink = await watch(open_source(source, options)[0], options, attempts=3)
    assert sink.states == [State.CONNECTING, State.FAILED]
    assert sink.reasons[-1].startswith("the server's certificate is not trusted: self")
    assert not asked
