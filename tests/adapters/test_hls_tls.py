"""HLS over TLS: connected to the address that was checked, yet the certificate must be the name's."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from midstream_adapters.base import Options, SourceError
from midstream_adapters.hls import HLSAdapter
from tests.adapters.hls_server import listed, make_media, playlist, serving
from tests.adapters.recorder import Recorder


def certified(path: Path, host: str) -> ssl.SSLContext:
    """A server's context with a certificate for `host`, which is written to `path` for its clients to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


async def test_the_certificate_must_be_that_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = make_media(tmp_path / "made", seconds=1)
    context = certified(tmp_path / "trusted.pem", "media.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    for proxy in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    options = Options(fast=True, env={})
    with serving(context) as site:
        site.files |= {"s0.ts": media.segments[0], "x.m3u8": playlist(*listed(media))}
        sink = Recorder()
        url = f"https://media.test:{site.port}/x.m3u8"
        await HLSAdapter(url, "hls", options, resolve=loopback).run(sink)
        assert len(sink.frames) == 30
        url = f"https://other.test:{site.port}/x.m3u8"
        with pytest.raises(SourceError, match="certificate is not trusted: Hostname mismatch"):
            await HLSAdapter(url, "hls", options, resolve=loopback).run(Recorder())
        # A connection to media.test must not serve other.test, though both are at the same address.
        site.files["x.m3u8"] = playlist("#EXTINF:1,", f"https://other.test:{site.port}/s0.ts")
        url = f"https://media.test:{site.port}/x.m3u8"
        with pytest.raises(SourceError, match="certificate is not trusted"):
            await HLSAdapter(url, "hls", options, resolve=loopback).run(Recorder())
