"""Syntax of option values: each is parsed consistently or rejected with an error."""

import io
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from outreply_cli.accounts.profiles import check_profile_name
from outreply_cli.api.base_url import check_base_url, is_local_url
from outreply_cli.api.raw_request import METHODS, parse_request
from outreply_cli.bulk.calendar import FIELDS
from outreply_cli.bulk.loader import parse_columns
from outreply_cli.emulator.faults import parse_fault
from outreply_cli.errors import InvalidInputError
from outreply_cli.media.urls import find_media_url_problem, find_media_url_warning
from outreply_cli.net.deliver import validate_url
from outreply_cli.net.urls import parse_http_url
from outreply_cli.pages import resolve_page
from outreply_cli.quota.check import parse_share
from outreply_cli.spec.token import Token
from outreply_cli.subprocesses import split_command
from outreply_cli.ui.fields import as_text, get_field, parse_fields
from outreply_cli.ui.output import Output
from outreply_cli.webhooks.conditions import parse_conditions
from outreply_cli.webhooks.mock_responses import ResponseScript, parse_script
from tests.fuzzing.target import Target, as_argument, expect_errors

_PAGES: list[dict[str, Any]] = [
    {"id": "1", "platform": "instagram", "username": "acme", "name": "Acme"},
    {"id": "2", "platform": "X", "username": "acme", "name": "Acme"},
    {"id": "3", "platform": None, "username": 7, "name": None},
    {"id": "4"},
]
_OBJECT = {
    "id": "1", "event": "post.published", "media": [{"src": "a"}, {"src": None}], "data": {
        "post": {"id": "68a1", "n": 1, "t": True, "none": None}, "": {"": 0}},
}  # fmt: skip


def _columns(text: str) -> None:
    with expect_errors(InvalidInputError):
        renamed = parse_columns(text)
    assert set(renamed.values()) <= {*FIELDS, ""}
    assert (
        parse_columns(",".join(f"{column}={name}" for column, name in renamed.items())) == renamed
    )


def _fields(text: str) -> None:
    paths = parse_fields(text)
    assert parse_fields(",".join(paths)) == paths
    for path in paths:
        value = get_field(_OBJECT, path)
        assert value is None or json.dumps(value) in json.dumps(_OBJECT)
        assert isinstance(as_text(value), str)
    assert list(Output(io.StringIO(), fields=paths).select(_OBJECT)) == list(dict.fromkeys(paths))


def _share(text: str) -> None:
    with expect_errors(InvalidInputError):
        share = parse_share(text)
    assert 0 < share <= 1
    assert abs(parse_share(f"{share * 100!r}%") - share) < 1e-9


def _conditions(text: str) -> None:
    with expect_errors(InvalidInputError):
        conditions = parse_conditions(text, "--until")
    assert conditions
    words = [f"{c.path}{'!=' if c.is_negated else '='}{c.pattern}" for c in conditions]
    assert parse_conditions(",".join(words), "--until") == conditions
    if any("*" in condition.pattern for condition in conditions):
        return
    met = all(condition.matches(_OBJECT) for condition in conditions)
    assert met == all(
        (condition.pattern == (value if isinstance(value, str) else json.dumps(value)))
        is not condition.is_negated
        for condition in conditions
        for value in [_lookup(condition.path)]
    )


def _lookup(path: str) -> Any:
    value: Any = _OBJECT
    try:
        for step in path.split("."):
            value = value[step]
    except (KeyError, TypeError, IndexError):
        return "\0 no value"
    return value


def _script(text: str) -> None:
    with expect_errors(InvalidInputError):
        script = parse_script(text)
    assert parse_script(",".join(f"{status}x{times}" for status, times in script)) == script
    assert all(200 <= status <= 599 for status, _ in script)
    responses = ResponseScript(script)
    for status, times in script[:20]:
        statuses = [responses.next_status() for _ in range(min(times, 20))]
        assert statuses == [status] * len(statuses)
        if times > 20:
            return
    if len(script) <= 20:
        assert {responses.next_status() for _ in range(3)} == {script[-1][0]}


def _fault(text: str) -> None:
    with expect_errors(InvalidInputError):
        fault = parse_fault(text)
    assert parse_fault(str(fault)) == fault
    assert fault.kind != "status" or 400 <= fault.value <= 599


def _base_url(text: str) -> None:
    with expect_errors(InvalidInputError):
        url = check_base_url(text)
    parts = urlsplit(url)
    assert check_base_url(url) == url
    assert parts.scheme == "https" or is_local_url(url)
    assert "@" not in parts.netloc
    assert url.isascii()
    assert url.isprintable()


def _media_url(text: str) -> None:
    if find_media_url_problem(text) is not None:
        return
    parts = urlsplit(text)
    assert parts.scheme in {"http", "https"}
    host = (parts.hostname or "").lower().rstrip(".")
    assert host
    assert host != "localhost"
    with suppress(ValueError):
        address = ip_address(host)
        if isinstance(address, IPv6Address):
            # Global addresses begin with 2 or 3, or embed an IPv4 address.
            embedded = address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFFFFFF))
            assert host[0] in "23" or (
                embedded.is_global and host.startswith(("::ffff:", "64:ff9b:"))
            )
        assert address.is_global or "::ffff:" in host
    assert parts.scheme == "https" or find_media_url_warning(text)
    text.encode()


# Resolves only numeric addresses, because fuzzing must not send DNS queries.
_lookup_numeric = partial(socket.getaddrinfo, flags=socket.AI_NUMERICHOST)


def _forward_to(text: str) -> None:
    with mock.patch("socket.getaddrinfo", _lookup_numeric):
        with expect_errors(InvalidInputError):
            url = validate_url(text, "--forward-to")
        assert validate_url(url, "--forward-to") == url
    assert url.isascii()
    assert url.isprintable()
    with expect_errors(ValueError):
        parse_http_url(url)


def _token(text: str) -> None:
    with expect_errors(InvalidInputError):
        token = Token(text)
    assert token.reveal() == text.strip()
    f"Bearer {token.reveal()}".encode("ascii")
    secret = token.reveal().removeprefix(token.known_prefix or "")
    assert len(secret) < 6 or secret not in repr(token).replace(token.known_prefix or "", "")


def _profile(text: str) -> None:
    with expect_errors(InvalidInputError):
        assert check_profile_name(text) == text
    assert "/" not in text
    assert text.isascii()
    assert text not in {".", ".."}


def _page(text: str) -> None:
    with expect_errors(InvalidInputError):
        page = resolve_page(_PAGES, text)
    assert page in _PAGES


def _command(text: str) -> None:
    with expect_errors(InvalidInputError):
        words = split_command(text, "--exec")
    assert words


def _request(text: str) -> None:
    words = text.split("\n")
    method, path, raw, typed, header, body = (words + [""] * 6)[:6]
    with expect_errors(InvalidInputError):
        request = parse_request(
            method, path, raw_fields=[raw] if raw else [], typed_fields=[typed] if typed else [],
            headers=[header] if header else [], body_text=body or None,
            read_file=lambda name: name,
        )  # fmt: skip
    assert request.method in METHODS
    assert request.path.startswith("/")
    assert not request.path.startswith("//")
    for name, value in request.headers.items():
        assert name.lower() not in {"authorization", "host"}
        assert (name + value).isascii()
        assert (name + value).isprintable()
    json.dumps(request.body, allow_nan=False)


_SYNTAXES: dict[str, tuple[Callable[[str], None], tuple[bytes, ...]]] = {
    "columns": (_columns, (b"Text=message,Date=scheduled_at,Note=", b"a=page", b" A = key ,")),
    "fields": (_fields, (b"id,media.0.src,data.post.id", b"media.1,data.post", b".,..,")),
    "share": (_share, (b"80%", b"80", b"0.5%", b"1e1", b"100%")),
    "until": (_conditions, (b"event=post.published,data.post.id=68a1", b"data.post.none=null",
                            b"data.post.t=true", b"media={}", b"data..=0")),
    "respond": (_script, (b"500x3,200", b"503", b"429x999999,200", b"200x1,201x2,202")),
    "faults": (_fault, (b"delay:2.5", b"status:503", b"skew:-300", b"rate-limit",
    b"drop-before",
                               b"garbage", b"rate-limit:3")),
    "base-urls": (_base_url, (b"https://api.outreply.com/api/v1/", b"http://127.0.0.1:8787/api/v1",
                              b"http://[::1]:80/x", b"http://localhost")),
    "media-urls": (_media_url, (b"https://cdn.example.com/a.jpg?x=1", b"http://127.1/a",
                                b"https://[::ffff:127.0.0.1]/", b"https://0x7f.1/", b"http://a.local")),
    "forward-to": (_forward_to, (b"localhost:3000/hooks", b"http://127.0.0.1:3000/webhooks?a=1",
                                 b"https://[::1]/x")),
    "tokens": (_token, (b"outreply_live_" + b"s3cr3t" * 6, b"orply_live_x",
    b"outreply_test_abcdef")),
    "profile-names": (_profile, (b"default", b"a.b-c_d", b"..", b"a" * 64)),
    "page-names": (_page, (b"instagram:acme", b"x:@acme", b"Acme", b"1", b"IG:ACME")),
    "exec": (_command, (b"python -c 'print(1)'", b'a "b c" d\\ e', b"x;y")),
    "api-words": (_request, (b"get\n/pages\nlimit=5", b"POST\n/x\na=b\nn=1\nX-A: b",
    b"PUT\nx\n\n\n\n[1]",
                          b"post\n/x\n\nn=@file", b"post\n/x\n\nn=[1,{}]")),
}  # fmt: skip
_WORDS = (
    b"=", b",", b":", b"/", b"//", b"..", b"@", b"%", b"http://", b"https://", b"localhost",
    b"[::1]",
    b"0x7f000001", b"2130706433", b"[" * 2000, b"9" * 5000, b"NaN", b"Infinity", b"x1000000",
    b"data", b"post", b"media", b"id", b"\xc2\xb2", b"\xe2\x91\xa0", b"xn--", b":99999", b"#", b"?",
    b"1e400", b"_", b"\n",
)  # fmt: skip


def _target(name: str, check: Callable[[str], None], seeds: tuple[bytes, ...]) -> Target:
    return Target(name, lambda data: check(as_argument(data)), seeds, _WORDS, smoke=100)


TARGETS = tuple(_target(name, check, seeds) for name, (check, seeds) in _SYNTAXES.items())
