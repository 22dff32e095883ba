"""Sizes for display."""

import pytest

from outreply_cli.formats.sizes import format_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KB"),
        (1024 * 1024 - 1, "1.0 MB"),
        (25 * 1024 * 1024, "25.0 MB"),
        (5 * 1024**3, "5.0 GB"),
        (5000 * 1024**4, "5,000.0 TB"),
    ],
)
def test_format_size_uses_the_largest_fitting_unit(count: int, text: str) -> None:
    assert format_size(count) == text
