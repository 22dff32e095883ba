"""Input from outside the program: proxy variables, text on stdin, IDs, and secrets in text."""

from outreply_cli.errors import InvalidInputError, OutReplyError
from outreply_cli.formats.text import TextEncodingError, decode_text
from outreply_cli.ids import MIN_CHARACTERS, AmbiguousIdError, expand_id
from outreply_cli.net.proxy import find_proxy, is_excluded
from outreply_cli.posts.content import PostContent, validate_content
from outreply_cli.spec.token import Token, holds_secret
from tests.fuzzing.target import Target, as_argument, expect_errors

_HOSTS = ("api.outreply.com", "127.0.0.1", "::1", "10.1.2.3", "fd00::1", "localhost")
_TOKEN = "outreply_live_" + "a" * 48
_IDS = {"65e3fe75fe8dab391bef2dfd": "(Hi)", "65e3fe00fe8dab391bef2dfd": "", "c_1234567890": ""}


def _check_no_proxy(data: bytes) -> None:
    entries = as_argument(data)
    for host in _HOSTS:
        if "*" in entries.split(","):
            assert is_excluded(host, 443, entries)
        # More entries exclude more hosts.
        if is_excluded(host, 443, entries):
            assert is_excluded(host, 443, f"{entries},example.com")
        assert is_excluded(host, 443, f"{entries},{host}")


def _check_proxies(data: bytes) -> None:
    url, _, rest = as_argument(data).partition("\n")
    environ = {"HTTPS_PROXY": url, "NO_PROXY": rest}
    with expect_errors(InvalidInputError):
        proxy = find_proxy("https://api.outreply.com/api/v1", environ)
    if proxy is not None:
        assert proxy.variable == "HTTPS_PROXY"
        # All up to the last @ is hidden.
        _, at, host = proxy.url.partition("://")[2].rpartition("@")
        assert proxy.redacted_url.endswith(f"{'(hidden)@' if at else ''}{host}")
        assert repr(proxy) == "Proxy(variable='HTTPS_PROXY')"


def _check_text(data: bytes) -> None:
    with expect_errors(TextEncodingError):
        text = decode_text(data)
    assert "\r" not in text
    assert "\x00" not in text
    assert not text.startswith("\ufeff")
    assert decode_text(text.encode()) == text
    assert decode_text(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == text
    assert decode_text(text.encode("utf-16")) == text


def _check_ids(data: bytes) -> None:
    word = as_argument(data)
    with expect_errors(AmbiguousIdError):
        expanded = expand_id(word, _IDS, "post")
    assert expanded == word or (expanded in _IDS and expanded.startswith(word))
    assert expanded == word or len(word) >= MIN_CHARACTERS


def _check_secrets(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert holds_secret(f"{text}{_TOKEN}")
    assert holds_secret({"a": [text, {f"{text}{_TOKEN}{text[:1]}": 1}]})
    assert holds_secret(f"x{text} secret-value", Token("secret-value"))
    content = PostContent(message=f"{text} {_TOKEN}")
    messages = [problem.message for problem in validate_content(content, "twitter")]
    assert any("token" in message for message in messages)
    assert not any(_TOKEN in message for message in messages)


def _check_lengths(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with expect_errors(OutReplyError):
        problems = validate_content(PostContent(message=text), "twitter")
    for problem in problems:
        assert problem.message


TARGETS = (
    Target(
        "no-proxy", _check_no_proxy,
        [b"10.0.0.0/8,*.corp.example", b"[::1]:443", b"fd07:b51a:cc66:f0::/64", b"*"],
        [b"*", b"[", b"]", b":", b"::", b"/", b"/8", b",", b".", b":443", b"fe80::1%eth0", b" "],
    ),
    Target(
        "proxies", _check_proxies,
        [b"http://me:hunter2@proxy:3128\nlocalhost", b"socks5h://127.0.0.1:9", b"proxy:8080"],
        [b"http://", b"https://", b"socks5://", b"@", b":", b"/", b"me", b"[", b"]", b"%40", b"\n"],
    ),
    Target(
        "incoming-text", _check_text,
        [b"Hallo\r\nGr\xc3\xbc\xc3\x9fe", "Hallo".encode("utf-16"), b"\xef\xbb\xbfHi\rthere"],
        [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\r", b"\r\n", b"\x00", b"\xed\xa0\x80"],
    ),
    Target("short-ids", _check_ids, [b"65e3fe", b"65e3fe75", b"c_1234", b"#12"], [b"65e3fe"]),
    Target(
        "secret-texts", _check_secrets,
        [b"Our key: ", b"whsec_", b"outreply_test_abc", "Grüße ".encode()],
        [b"outreply_live_", b"orply_live_", b"whsec_", b"_", b"\xe2\x80\xa6"],
    ),
    Target(
        "lengths", _check_lengths,
        ["日本語 https://example.com/a?b=c".encode() * 9, b"a" * 300, "👩‍👩‍👧 ".encode() * 20],
        [b"https://", b"http://", "👨‍👩‍👧‍👦".encode(), b"\xcc\x81", "é".encode(), b"\xe2\x80\x8b"],
    ),
)  # fmt: skip
