"""`--utm`: campaign parameters on the links of posts."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.mapping import parse_mapping
from outreply_cli.posts.content import PostContent

PARAMETERS = ("source", "medium", "campaign", "term", "content", "id")
PLACEHOLDERS = ("platform", "page", "key", "calendar")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_URL_END = ".,:;!?'\")]}…"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_TAG = re.compile(r"[?&]utm_[a-z_]+=[^\s&#]*")
_EXAMPLE = "For example: --utm 'source={platform},campaign={key}'"


class MissingValueError(ValueError):
    """A post has no value for a placeholder; the argument is the placeholder's name."""


def parse_utm(text: str | None) -> dict[str, str]:
    """Parse `source={platform},campaign={key}` into templates by parameter.

    Raises:
        InvalidInputError: The text is not such a list, or names something unknown.
    """
    templates: dict[str, str] = {}
    pairs = parse_mapping("--utm", text or "", "PARAMETER=VALUE", hint=_EXAMPLE)
    for name, template in pairs.items():
        parameter = name.lower().removeprefix("utm_")
        if parameter not in PARAMETERS:
            raise InvalidInputError(
                f"--utm: unknown parameter {name!r}", hint=f"Use one of: {', '.join(PARAMETERS)}"
            )
        if not template:
            raise InvalidInputError(f"--utm: {name} has no value", hint=_EXAMPLE)
        for placeholder in _PLACEHOLDER.findall(template):
            if placeholder not in PLACEHOLDERS:
                names = ", ".join(f"{{{item}}}" for item in PLACEHOLDERS)
                raise InvalidInputError(
                    f"--utm: unknown placeholder {{{placeholder}}}", hint=f"Use one of: {names}"
                )
        templates[f"utm_{parameter}"] = template
    return templates


def fill_templates(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a post; raises MissingValueError."""

    def find(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if not value:
            raise MissingValueError(match[1])
        return value

    return {name: _PLACEHOLDER.sub(find, template) for name, template in templates.items()}


def tag_content(content: PostContent, parameters: Mapping[str, str]) -> tuple[PostContent, int]:
    """Return the content with `parameters` on its links, and the number of links changed.

    Parameters that a link has already are kept.
    """
    count = 0

    def tag(url: str) -> str:
        nonlocal count
        tagged = _add_parameters(url, parameters)
        count += tagged != url
        return tagged

    def tag_in_text(match: re.Match[str]) -> str:
        url = _trim(match[0])
        return tag(url) + match[0][len(url) :]

    texts: dict[str, Any] = {
        name: _URL.sub(tag_in_text, text)
        for name in ("message", "first_comment")
        if (text := getattr(content, name))
    }
    if content.link and _URL.fullmatch(content.link):
        texts["link"] = tag(content.link)
    return content._replace(**texts), count


def _trim(url: str) -> str:
    """Return a URL in a text without the punctuation after it; `…/Mercury_(planet)` has none."""
    while url.endswith(tuple(_URL_END)):
        closing = url[-1]
        if closing in _PAIRS and url.count(closing) <= url.count(_PAIRS[closing]):
            break
        url = url[:-1]
    return url


def _add_parameters(url: str, parameters: Mapping[str, str]) -> str:
    try:
        present = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    except ValueError:
        return url
    added = "&".join(
        f"{name}={quote(value, safe='')}"
        for name, value in parameters.items()
        if name not in present
    )
    if not added:
        return url
    base, hash_mark, fragment = url.partition("#")
    separator = "?" if "?" not in base else "" if base.endswith(("?", "&")) else "&"
    return f"{base}{separator}{added}{hash_mark}{fragment}"


def strip_utm(text: str) -> str:
    """Return a text without the parameters that `--utm` adds to its links."""
    return _TAG.sub("", text)
