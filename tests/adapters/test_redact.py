"""What opens doors is masked, what names the source stays, and hostile text costs no more than its length."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midstream_adapters.redact import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pw@host:80/p?x=1", "https://***@host:80/p?x=1"),
        (
            "https://h/p?token=abc&x=1&api_key=9#access_token=z&b=1",
            "https://h/p?token=***&x=1&api_key=***#access_token=***&b=1",
        ),
        (
            "wss://h/?sig=a&X-Amz-Signature=b&code=c&jwt=d",
            "wss://h/?sig=***&X-Amz-Signature=***&code=***&jwt=***",
        ),
        ("wss://h/?%74oken=abc", "wss://h/?%74oken=***"),
        ("https://h/?next=https%3A%2F%2Fi%2F%3Ftoken%3Dabc", "https://h/?next=***"),
        ("rtsp://u:pa/ss@host/x", "rtsp://***@host/x"),
        ("rtmp://live.example/app/key-123", "rtmp://live.example/app/***"),
        ("rtmps://h/app/inst/key?x=1", "rtmps://h/app/inst/***?x=1"),
        ("rtmp+listen://127.0.0.1:1935/live", "rtmp+listen://127.0.0.1:1935/live"),
        ("OPENAI_API_KEY=sk-abc other", "OPENAI_API_KEY=*** other"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic ***"),
        ("sent Bearer abcdef", "sent Bearer ***"),
        ("X-Api-Key: foo", "X-Api-Key: ***"),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        ("provided: sk-proj-abcdefgh1234.", "provided: sk-***."),
        ('{"api_key": "abc def", "n": 1}', '{"api_key": "***", "n": 1}'),
        ('{\\"password\\": \\"abc\\"}', '{\\"password\\": \\"***\\"}'),
        ("clientSecret=abc", "clientSecret=***"),
        ("eyJhbGciOi.eyJzdWIi.sig_x y", "eyJ*** y"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA***"),
        ("ghp_abcdefghijklmnop glpat-abcdefghijkl", "ghp_*** glpat-***"),
        ("xoxb-123456789012-abc AIza" + "x" * 35, "xoxb-*** AIza***"),
        ("GET /x?code=123&a=1", "GET /x?code=***&a=1"),
        (
            "a -----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- b",
            "a -----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY----- b",
        ),
    ],
)
def test_secrets_go(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://medium.com/@user/post?page=2#part",
        "rtmp://h/live",
        "max_tokens=100 status code: 404 exit code=1",
        "unexpected token: end of file",
        "bearer token missing, basic authentication needed",
        "ws://[::1]:8080/chat?room=monkey",
        "task-force risk-averse desk-lamp",
        "public_key=abc monkey=1",
        "openai:gpt-4o-mini",
        "/home/me/film.mp4",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert redact(text) == text


_WORDS = """https:// rtmp:// a / ? & = token key : ' " \\ Bearer basic sk- abcdef12 eyJabcde . @ # cookie password ***
    % %3D 1 _ live/ authorization code AKIA ABCDEFGH"""
_PEM = ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", " ", "\n"]
PARTS = st.lists(st.sampled_from(_WORDS.split() + _PEM), max_size=14).map("".join)


@given(PARTS | st.text())
@settings(max_examples=400)
def test_twice_is_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text("abcdefXYZ0123456789", min_size=12, max_size=40))
def test_a_secret_never_shows(secret: str) -> None:
    for text in (
        f"https://u:{secret}@h/",
        f"https://h/?a=b&access_token={secret}",
        f"rtmp://h/app/{secret}",
        f"API_KEY={secret}",
        f'"secret": "{secret}"',
        f"Authorization: Bearer {secret}",
        f"sk-{secret}",
    ):
        assert secret not in redact(f"before {text} after")


@pytest.mark.parametrize(
    "unit",
    [
        "a", "a-", "http://", "a=b&", "sk-", "eyJ", "eyJaaaaaa.", "token=", "key:", "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ", "bearer ", "@/:", "%25", 'token="', "\\", "A_", "http://h?a=", "http%3A//", "Cookie:", "token ",
    ],
)  # fmt: skip
def test_a_large_hostile_text_is_done(unit: str) -> None:
    """Anything worse than linear would take minutes here."""
    many = unit * (300_000 // len(unit))
    redact(many)
    redact(f"http://h?{many}")
