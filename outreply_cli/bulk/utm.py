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
_EXAMPLE = "For example: --utm 'source={platform},campaign={key}'"


class MissingValueError(ValueError):
    """A placeholder whose value a post does not have; its name."""


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

    def tag(match: re.Match[str]) -> str:
        nonlocal count
        url = match[0].rstrip(_URL_END)
        tagged = _add_parameters(url, parameters)
        count += tagged != url
        return tagged + match[0][len(url) :]

    texts: dict[str, Any] = {
        name: _URL.sub(tag, text)
        for name in ("message", "first_comment", "link")
        if (text := getattr(content, name))
    }
    return content._replace(**texts), count


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
