"""What no text that the API gets can hold: half a character, or a NUL.

The reference says of texts only how long they are. JSON carries any other control character, so
those go out as they are.
"""


def is_unicode(text: str) -> bool:
    """Whether `text` is whole characters: bytes that are no UTF-8 come from outside as halves."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def text_problem(text: str) -> str | None:
    """Why `text` can't be sent, and what to do; None where it can."""
    if not is_unicode(text):
        return "it is not valid Unicode text; save it as UTF-8"
    if "\x00" in text:
        return "it has a NUL character in it; remove it"
    return None
