"""SSRF: no command sends to an address at which machines keep their credentials."""

import ipaddress
import socket
import threading
from collections.abc import Sequence

import pytest

from outreply_cli.emulator.webhooks import check_webhook_url
from outreply_cli.errors import InvalidInputError
from outreply_cli.net.address import Address
from outreply_cli.net.deliver import deliver, validate_url
from outreply_cli.net.dns import Resolver, resolve
from outreply_cli.net.ssrf import Reach, is_blocked, reach_from_option
from tests.command_line import CommandLine
from tests.scripted_server import ScriptedServer, response

# Metadata services of cloud providers, in every spelling that resolvers accept.
METADATA = [
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "0xa9.254.43518",
    "169.254.43518", "169.254.170.2", "169.254.42.42", "100.100.100.200", "1684301000",
    "168.63.129.16", "192.0.0.192", "[fd00:ec2::254]", "[fd00:ec2::23]", "[fd20:ce::254]",
    "[fd00:42::42]", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    "[::ffff:0:a9fe:a9fe]", "[::ffff:100.100.100.200]", "[fe80::a9fe:a9fe]", "0.0.0.0", "[::]",  # noqa: S104
    "224.0.0.1", "255.255.255.255", "[2001:0:a00:1::5601:5601]",
]  # fmt: skip


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize("allow_public", [False, True])
def test_deliver_refuses_metadata_addresses(host: str, *, allow_public: bool) -> None:
    url = f"http://{host}/latest/meta-data/"
    with pytest.raises(InvalidInputError, match="link-local or metadata address"):
        validate_url(url, "--to", reach=reach_from_option(allow_public=allow_public))
    # A host may resolve to another address by the time of the delivery.
    outcome = deliver(url, b"{}", [], timeout=1, reach=reach_from_option(allow_public=allow_public))
    assert (outcome.status, (outcome.error or "")[:8]) == (None, "not sent")


@pytest.mark.parametrize("host", METADATA)
def test_emulator_refuses_metadata_webhook_urls(host: str) -> None:
    url = f"http://{host}/"
    with pytest.raises(ValueError, match="link-local or metadata"):
        check_webhook_url(url, allow_external=True)
    outcome = deliver(url, b"{}", {}, reach=Reach.PUBLIC, timeout=5)
    assert outcome.status is None
    assert (outcome.error or "").startswith("not sent")


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "fd12::1", "8.8.8.8",
     "2606:4700::1", "::ffff:127.0.0.1", "100.64.0.1", "64:ff9b::808:808"],
)  # fmt: skip
def test_is_blocked_allows_regular_addresses(text: str) -> None:
    assert not is_blocked(ipaddress.ip_address(text))


@pytest.mark.parametrize("allow_external", [False, True])
def test_host_resolving_to_metadata_address_is_rejected(*, allow_external: bool) -> None:
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("169.254.169.254")]
    with pytest.raises(ValueError, match="link-local or metadata"):
        check_webhook_url(
            "http://metadata.google.internal/",
            allow_external=allow_external,
            lookup=lambda _: addresses,
        )


def test_dns_rebinding_does_not_change_the_checked_address() -> None:
    lookups: list[str] = []

    def resolver(host: str) -> Sequence[Address]:
        # An attacker returns another address the second time.
        lookups.append(host)
        return resolve("127.0.0.1" if len(lookups) == 1 else "169.254.169.254")

    dns = Resolver(resolver)
    with ScriptedServer([response(200)]) as server:
        url = f"http://rebinding.example:{server.port}/"
        check_webhook_url(
            url, allow_external=True, lookup=lambda host: dns.resolve([host], 5)[host] or ()
        )
        outcome = deliver(
            url, b"{}", {}, reach=Reach.PUBLIC,
            lookup=lambda host, timeout: dns.resolve([host], timeout)[host] or (),
        )  # fmt: skip
        (received,) = server.received
    dns.close()
    assert outcome.status == 200
    assert lookups == ["rebinding.example"]
    assert received.headers["host"] == f"rebinding.example:{server.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_deliver_does_not_follow_redirects(status: int) -> None:
    with ScriptedServer([response(200)]) as elsewhere:
        target = f"http://127.0.0.1:{elsewhere.port}/"
        with ScriptedServer([response(status, location=target)]) as server:
            outcome = deliver(f"http://127.0.0.1:{server.port}/", b"{}", [])
        assert outcome.status == status
        assert not outcome.is_accepted
        assert elsewhere.received == []


def test_every_sending_command_refuses_metadata_addresses(cli_logged_out: CommandLine) -> None:
    env = {"OUTREPLY_WEBHOOK_SECRET": "whsec_0123456789abcdef"}
    url = "http://2852039166/latest/meta-data/"
    result = cli_logged_out.run("webhooks", "trigger", "post.published", "--to", url, env=env)
    assert result.code == 2
    assert "link-local or metadata address" in result.err
    result = cli_logged_out.run("webhooks", "check", url, "--allow-public", env=env)
    assert result.code == 2
    assert "link-local or metadata address" in result.err


def test_media_url_is_not_fetched(cli: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        connected = threading.Event()

        def wait() -> None:
            try:
                listener.accept()[0].close()
                connected.set()
            except TimeoutError:
                return

        thread = threading.Thread(target=wait)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        result = cli.run(
            "posts", "schedule", "--page", "instagram:acme", "--at", "in 2h", "--media", url
        )
        thread.join()
    assert result.code == 2
    assert "private address" in result.err
    assert not connected.is_set()
