"""Addresses in media URLs: those of this and of private networks are refused in all forms."""

import pytest

from outreply_cli.media.urls import find_media_url_problem


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "[::10.0.0.1]", "[2002:a00:1::]",
     "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[fd00::1]", "224.0.0.1", "0x7f.1", "2130706433"],
)  # fmt: skip
def test_private_address_is_refused(host: str) -> None:
    problem = find_media_url_problem(f"https://{host}/a.jpg")
    assert problem is not None
    assert "private address" in problem


@pytest.mark.parametrize("host", ["93.184.216.34", "[2606:4700::1]", "[64:ff9b::5db8:d822]"])
def test_public_address_is_accepted(host: str) -> None:
    assert find_media_url_problem(f"https://{host}/a.jpg") is None
