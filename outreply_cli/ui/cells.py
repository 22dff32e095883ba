"""Text in terminal cells: an emoji or a Chinese character takes two of them."""


def cell_len(text: str) -> int:
    """The number of cells that `text` takes."""
    if text.isascii():
        # Importing Rich would take longer than printing a table.
        return len(text)
    from rich.cells import cell_len as rich_cell_len

    return rich_cell_len(text)


def fit(text: str, width: int) -> str:
    """`text` in at most `width` cells, with an ellipsis where it is cut."""
    if cell_len(text) <= width:
        return text
    from rich.cells import set_cell_size

    return set_cell_size(text, max(0, width - 1)).rstrip() + "…"


def pad(text: str, width: int) -> str:
    """`text` filled up with spaces to `width` cells."""
    return text + " " * max(0, width - cell_len(text))
