"""The proxy that variables set, as curl and Go read them."""

import ipaddress
import string

import pytest
from hypothesis import given, strategies as st

from outreply_cli.net.proxy import find_proxy, is_excluded

API = "https://api.example.com/api/v1"
LABEL = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=5)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join).filter(lambda name: name[-1].isalpha())
ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
# Entries that no host of these tests is on.
NON_MATCHING_ENTRY = st.one_of(
    st.text(string.punctuation.replace("*", "").replace(",", "").replace(".", ""), max_size=8),
    st.sampled_from([
        "fd07:b51a:cc66:f0::/64", "[::1]", "[2001:db8::1]:443", "myhost:*", "[", "]:",
        "10.0.0.0/99",
        "192.168.*", "*corp.example", "http://x.example", "bücher.example", "a" * 300, "::::",
        "x.example:99999", "[fe80::1%eth0]", ".", "*.", ":443", "1.2.3", "/8",
    ]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("10.9.8.7", "10.0.0.0/8"),
        ("10.9.8.7", "10.9.8.7/8"),
        ("10.9.8.7", "10.9.8.7"),
        ("10.9.8.7", "10.9.8.7:443"),
        ("::ffff:10.9.8.7", "10.0.0.0/8"),
        ("::1", "[::1]"),
        ("::1", "::1"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("2001:db8::1", "[2001:db8::1]:443"),
        ("fd07:b51a:cc66:f0::5", "fd07:b51a:cc66:f0::/64"),
        ("fd07:b51a:cc66:f0::5", "[fd07:b51a:cc66:f0::]/64"),
        ("api.corp.example", "*.corp.example"),
        ("api.corp.example", ".corp.example"),
        ("api.corp.example", "corp.example"),
        ("api.corp.example", "API.Corp.Example."),
        ("api.corp.example.", "corp.example:443"),
        ("corp.example", "corp.example"),
        ("api.corp.example", "localhost, corp.example"),
        ("api.corp.example", "localhost corp.example"),
        ("api.corp.example", "localhost,*"),
    ],
)
def test_host_in_no_proxy_is_excluded(host: str, no_proxy: str) -> None:
    assert is_excluded(host, 443, no_proxy)


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("11.9.8.7", "10.0.0.0/8"),
        ("10.9.8.7", "10.9.8.7:8443"),
        ("10.9.8.7", "8.7"),
        ("::2", "[::1]"),
        ("2001:db8::1", "[2001:db8::1]:8443"),
        ("corp.example", ".corp.example"),
        ("corp.example", "*.corp.example"),
        ("badcorp.example", "corp.example"),
        ("api.corp.example", "corp.example:80"),
        ("api.corp.example", "corp.example:*"),
        ("api.corp.example", "10.0.0.0/8,::/0"),
        ("api.corp.example", ""),
    ],
)
def test_host_not_in_no_proxy_is_not_excluded(host: str, no_proxy: str) -> None:
    assert not is_excluded(host, 443, no_proxy)


@given(host=st.one_of(NAME, ADDRESS.map(str)), no_proxy=st.text(max_size=60))
def test_any_no_proxy_is_read_without_an_error(host: str, no_proxy: str) -> None:
    is_excluded(host, 443, no_proxy)


@given(address=ADDRESS, other=ADDRESS, prefix=st.integers(0, 128), bracketed=st.booleans())
def test_address_is_excluded_if_it_is_in_the_network(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    other: ipaddress.IPv4Address | ipaddress.IPv6Address,
    prefix: int,
    bracketed: bool,
) -> None:
    network = ipaddress.ip_network((other, min(prefix, other.max_prefixlen)), strict=False)
    entry = f"[{network.network_address}]/{network.prefixlen}" if bracketed else str(network)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    expected = address in network or (mapped is not None and mapped in network)
    assert is_excluded(str(address), 443, entry) == expected


@given(
    name=NAME,
    other=NAME,
    dead=st.lists(NON_MATCHING_ENTRY),
    port=st.sampled_from(["", ":443", ":80"]),
)
def test_names_are_matched_among_entries_that_match_nothing(
    name: str, other: str, dead: list[str], port: str
) -> None:
    for entry, expected in (
        (other, name == other or name.endswith("." + other)),
        ("." + other, name.endswith("." + other)),
        ("*." + other, name.endswith("." + other)),
    ):
        entries = [*dead[:1], entry + port, *dead[1:]]
        assert is_excluded(name, 443, ",".join(entries)) == (expected and port != ":80")


@given(
    dead=st.lists(NON_MATCHING_ENTRY),
    host=st.sampled_from(["api.example.com", "10.1.2.3", "fe00::7"]),
)
def test_dead_entries_exclude_nothing(dead: list[str], host: str) -> None:
    assert not is_excluded(host, 443, ",".join(dead))


@pytest.mark.parametrize(
    ("environ", "redacted_url", "variable"),
    [
        ({"https_proxy": "http://me:secret@p:1"}, "http://(hidden)@p:1", "https_proxy"),
        ({"HTTPS_PROXY": " p:3128 "}, "http://p:3128", "HTTPS_PROXY"),
        ({"ALL_PROXY": "socks5h://p"}, "socks5h://p", "ALL_PROXY"),
        ({"HTTPS_PROXY": "http://p", "ALL_PROXY": "socks5://q"}, "http://p", "HTTPS_PROXY"),
        ({"https_proxy": "http://p", "HTTPS_PROXY": "http://q"}, "http://p", "https_proxy"),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "http://q"}, "http://q", "ALL_PROXY"),
        # curl and Go treat an empty variable as unset.
        ({"https_proxy": "", "HTTPS_PROXY": "http://p"}, "http://p", "HTTPS_PROXY"),
        ({"https_proxy": "", "all_proxy": " ", "ALL_PROXY": "http://q"}, "http://q", "ALL_PROXY"),
    ],
)  # fmt: skip
def test_find_proxy_reads_the_variables_in_order(
    environ: dict[str, str], redacted_url: str, variable: str
) -> None:
    proxy = find_proxy(API, environ)
    assert proxy is not None
    assert (proxy.redacted_url, proxy.variable) == (redacted_url, variable)
    assert "secret" not in repr(proxy)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_PROXY": "http://p"},
        {"https_proxy": "", "HTTPS_PROXY": " "},
        {"HTTPS_PROXY": "http://p", "NO_PROXY": "example.com"},
        {"HTTPS_PROXY": "http://p", "ALL_PROXY": "http://p", "no_proxy": "*"},
    ],
)
def test_find_proxy_returns_none_without_an_applicable_variable(environ: dict[str, str]) -> None:
    assert find_proxy(API, environ) is None
