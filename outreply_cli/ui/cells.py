"""Text in terminal cells: an emoji or a Chinese character takes two of them."""

from rich.cells import cell_len, set_cell_size


def fit(text: str, width: int) -> str:
    """`text` in at most `width` cells, with an ellipsis where it is cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…"


def pad(text: str, width: int) -> str:
    """`text` filled up with spaces to `width` cells."""
    return text + " " * max(0, width - cell_len(text))
