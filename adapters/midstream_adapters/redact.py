"""Secrets leave every address, message and log line here, before they are shown, stored or exported.

What names the source stays (scheme, host, path, names of parameters); values that open doors become ``***``. All of it
is linear in the text: possessive quantifiers, and a look-behind wherever a run of characters could start anew.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MASK = "***"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STRONG = _names("""password passwd passphrase passcode pass pwd secret secrets apikey accesskey secretkey privatekey
    streamkey authkey accesstoken authtoken refreshtoken idtoken sessiontoken bearertoken csrftoken xsrftoken
    clientsecret credential credentials authorization cookie jwt jws""")
_WEAK = _names("token key sig sign signature auth authentication hmac")
_QUERY = _names("""tokens tkn code session sessionid sid otp pin ticket nonce policy assertion lsig streamid
    hdnts hdnea hdntl hdnt wmsauthsign""")
_OPEN_KEYS = _names("public primary foreign partition sort cache idempotency")
_NO_BEARER = _names("token tokens auth authentication authorization realm scheme credentials header or and")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])|[A-Z]")

_PEM = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)(?:(?!-----).)*+(-----END [A-Z0-9 ]{0,60}-----)?", re.DOTALL
)
_URL = re.compile(r"(?<![A-Za-z0-9+.\-])([A-Za-z][A-Za-z0-9+.\-]*+)://([^\s\"'<>`\\\x00-\x1f]++)")
_PARAMETER = re.compile(r"(^|[?&;#])([^?&;#=]*+)=([^&;#]*+)")
_NAME = re.compile(
    r"(?<![A-Za-z0-9_.\-])([A-Za-z_][A-Za-z0-9_.\-]*+)(?:\\{0,3}+[\"'])?[ \t]{0,8}+([:=])[ \t]{0,8}+"
)
_VALUE = re.compile(
    r"(?P<keep>b?\\{0,3}+[\"'])?(?P<scheme>(?:bearer|basic|digest|token|negotiate)[ \t]{1,8}+)?"
    r"(?P<value>(?(keep)[^\"'\\\r\n]*+|[^\s\"'\\,;&#)}\]>]*+))",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"(?P<keep>\\{0,3}+[\"'])?(?P<scheme>(?!))?(?P<value>[^\"'\\\r\n]*+)")
_BEARER = re.compile(r"(?i)(?<![A-Za-z0-9_])(bearer|basic)([ \t]{1,8}+)([A-Za-z0-9._~+/=\-]++)")
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9_])(?:"
    r"((?:sk|pk|rk)[-_])[A-Za-z0-9_\-]{6,}+"  # OpenAI, Anthropic, Stripe
    r"|(eyJ)[A-Za-z0-9_\-]{5,}+(?:\.[A-Za-z0-9_\-]*+){1,4}+"  # JWT, JWE
    r"|(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}+"  # AWS
    r"|(AIza|ya29\.)[A-Za-z0-9_\-]{20,}+"  # Google
    r"|(gh[pousr]_|github_pat_|glpat-|hf_|gsk_|npm_|pypi-|xai-|nvapi-|r8_)[A-Za-z0-9_\-]{10,}+"
    r"|(xox[a-z]-|xapp-)[A-Za-z0-9\-]{8,}+"  # Slack
    r"|(SG\.)[A-Za-z0-9_\-]{10,}+\.[A-Za-z0-9_\-]{10,}+"  # SendGrid
    r"|(live_)[0-9]{4,}+_[A-Za-z0-9]{10,}+"  # Twitch stream key
    r")"
)


def redact(text: str) -> str:
    """Return `text` with what opens doors replaced by ``***``; doing it again changes nothing.

    Taken out: userinfo and secret-named parameters of URLs, the stream key (last path part) of rtmp(s) URLs, keys
    of well-known forms, ``Bearer``/``Basic`` credentials, JWTs, PEM private keys, and values assigned to secret names
    as in ``OPENAI_API_KEY=...``, ``"password": "..."`` or ``Cookie: ...``.
    """
    for _ in range(
        8
    ):  # a mask can move the end of an odd address; it settles at the second pass, nearly always
        before, text = text, _redact(text, 0)
        if text == before:
            break
    return text


def _redact(text: str, depth: int) -> str:
    if "-----BEGIN " in text:
        text = _PEM.sub(lambda m: f"{m[1]}{MASK}{m[2] or ''}", text)
    if "://" in text:
        text = _URL.sub(lambda m: f"{m[1]}://{_address(m[1].lower(), m[2], depth)}", text)
    if "=" in text or ":" in text:
        text = _assignments(text)
    text = _BEARER.sub(_bearer, text)
    return _TOKENS.sub(lambda m: next(g for g in m.groups() if g) + MASK, text)


def _address(scheme: str, rest: str, depth: int) -> str:
    """Redact what stands behind ``scheme://``."""
    cut = min((i for i in map(rest.find, "/?#") if i >= 0), default=len(rest))
    if "@" not in rest[:cut] and "@" in rest and not _is_port(rest[:cut]):
        cut = rest.rindex("@") + 1  # a password with a slash in it, unescaped
    authority, rest = rest[:cut], rest[cut:]
    if "@" in authority:
        authority = f"{MASK}@{authority.rpartition('@')[2]}"
    start = min((i for i in map(rest.find, "?#") if i >= 0), default=len(rest))
    path, rest = rest[:start], rest[start:]
    if scheme.startswith("rtmp"):
        parts = path.split("/")
        last = len(parts) - 1 - (path.endswith("/") and len(parts) > 2)
        if last > 1 and parts[last]:  # one part alone is the application, which is no secret
            parts[last] = MASK
        path = "/".join(parts)

    def parameter(found: re.Match[str]) -> str:
        mark, name, value = found.groups()
        plain = unquote(value) if "%" in value and depth < 3 else ""
        if _is_secret(unquote(name), query=True) or (plain and _redact(plain, depth + 1) != plain):
            value = MASK
        return f"{mark}{name}={value}"

    return authority + path + _PARAMETER.sub(parameter, rest)


def _is_port(authority: str) -> bool:
    """Whether what follows the host's colon, if it has one, is a port."""
    port = authority.rpartition("]")[2].partition(":")[2]
    return not port or port.isdecimal()


def _is_secret(name: str, *, query: bool = False, weak: bool = True) -> bool:
    """Whether a parameter or variable of this name holds a secret, by the last of its words."""
    words = [word.lower() for word in _WORDS.findall(name[-100:])]
    while words and words[-1].isdecimal():
        words.pop()
    if not words:
        return False
    last = words[-1]
    if last in _STRONG or (query and last in _QUERY):
        return True
    if len(words) > 1 and last in _WEAK:
        return last != "key" or words[-2] not in _OPEN_KEYS
    return weak and last in _WEAK


def _assignments(text: str) -> str:
    out: list[str] = []
    done = 0
    for found in _NAME.finditer(text):
        if found.start() < done:  # within a value that was masked
            continue
        name, mark = found.groups()
        query = text[found.start() - 1 : found.start()] in ("?", "&")
        weak = mark == "=" or query
        if not _is_secret(name, query=query):
            continue
        pattern = _COOKIE if name.lower().endswith("cookie") else _VALUE
        value = pattern.match(text, found.end())
        if value is None or not value["value"] or value["value"] == MASK:
            continue
        if not (weak or value["keep"] or _is_secret(name, weak=False) or _is_opaque(value["value"])):
            continue  # "unexpected token: end of file"
        out += text[done : found.end()], value["keep"] or "", value["scheme"] or "", MASK
        done = value.end()
    return "".join(out) + text[done:]


def _is_opaque(value: str) -> bool:
    """Whether `value` looks drawn, not written: a digit or capitals within, or more than a word's length."""
    return len(value) >= 20 or (
        len(value) >= 8 and (not value.isalpha() or not (value[1:].islower() or value.isupper()))
    )


def _bearer(found: re.Match[str]) -> str:
    scheme, space, value = found.groups()
    if value.lower().strip(".=") in _NO_BEARER or (scheme.lower() == "basic" and not _is_opaque(value)):
        return found[0]
    return f"{scheme}{space}{MASK}"
