"""Texts that the user's program composes.

The program gets one JSON document on stdin, and its stdout is the text. It runs without a shell and
without secrets in its environment.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from outreply_cli.api.client import Client
from outreply_cli.api.errors import NotFoundError, PermissionDeniedError
from outreply_cli.errors import InvalidInputError
from outreply_cli.formats.text import TextEncodingError, decode_text, shorten
from outreply_cli.spec.limits import MAX_MESSAGE_CHARACTERS
from outreply_cli.spec.platform_rules import RuleSet
from outreply_cli.spec.platforms import long_name
from outreply_cli.spec.text import is_visible
from outreply_cli.spec.token import LEAK_PROBLEM
from outreply_cli.subprocesses import CommandRunner
from outreply_cli.timestamps import format_timestamp

OPTION = "--compose-with"
_VERSION = 1
_ERROR_LINES = 3
_ERROR_CHARACTERS = 200


class CompositionError(InvalidInputError):
    """A program that composed no text that can be sent."""

    code = "COMPOSITION_FAILED"


@dataclass(frozen=True)
class Composer:
    """A program that composes texts.

    Attributes:
        rules: Rules of the platforms.
        words: The command.
        environ: Its environment.
        timeout: Seconds until it is killed.
        examples: Number of earlier posts of the page that it gets.
    """

    client: Client
    rules: RuleSet
    words: Sequence[str]
    environ: Mapping[str, str]
    timeout: float
    examples: int
    _brands: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    _posts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def compose(
        self,
        task: str,
        page: Mapping[str, Any],
        *,
        scheduled_at: datetime | None = None,
        link: str | None = None,
        **fields: Any,
    ) -> str:
        """Return the text for a page that the program writes.

        Args:
            task: `post`, `edit` or `reply`.
            page: The API's object.
            scheduled_at: Time of the post (UTC).
            link: Link of the post.
            fields: Fields of this task only.

        Raises:
            CompositionError: The program failed, or its output is not a text that can be sent.
        """
        platform = str(page.get("platform") or "")
        limits = {rule.name: rule.value for rule in self.rules.select(platform)}
        document = {
            "version": _VERSION,
            "task": task,
            "page": dict(page),
            "platform": long_name(platform),
            "rules": {"max_characters": MAX_MESSAGE_CHARACTERS, **limits},
            "scheduled_at": format_timestamp(scheduled_at) if scheduled_at else None,
            "link": link,
            "brand": self._get_brand(str(page.get("brand_id") or "")),
            **fields,
        }
        if self.examples:
            document["examples"] = self._get_examples(str(page.get("id")))
        return self._run(json.dumps(document).encode())

    def _run(self, document: bytes) -> str:
        runner = CommandRunner(captures=True, splits_errors=True)
        try:
            result = runner.run(self.words, self.environ, document, timeout=self.timeout)
        except BaseException:
            # Ctrl-C does not reach the program, which has a separate session.
            runner.kill_all()
            raise
        if result.error is not None:
            lines = result.errors.decode("utf-8", "replace").split("\n")[:_ERROR_LINES]
            said = " / ".join(shorten(line, _ERROR_CHARACTERS) for line in lines if line.strip())
            raise self._error(f"{result.error}{': ' * bool(said)}{said}")
        if result.is_truncated:
            raise self._error(f"the text has more than {MAX_MESSAGE_CHARACTERS:,} characters")
        try:
            text = decode_text(result.output).rstrip("\n")
        except TextEncodingError as error:
            raise self._error(f"the program's output {error}") from None
        if problem := self._find_problem(text):
            raise self._error(problem)
        return text

    def _find_problem(self, text: str) -> str | None:
        if not is_visible(text):
            return "the program wrote no text to stdout"
        if len(text) > MAX_MESSAGE_CHARACTERS:
            limit = f"the limit is {MAX_MESSAGE_CHARACTERS:,}"
            return f"the text has {len(text):,} characters; {limit}"
        if self.client.transport.holds_secret(text):
            return f"the text {LEAK_PROBLEM}"
        control = next((character for character in text if _is_control(character)), None)
        if control is not None:
            return f"the text contains the control character U+{ord(control):04X}"
        return None

    def _error(self, reason: str) -> CompositionError:
        return CompositionError(
            f"{OPTION} {self.words[0]}: {reason}",
            hint="Nothing was sent. See: outreply help compose",
        )

    def _get_brand(self, brand_id: str) -> Mapping[str, Any] | None:
        if brand_id not in self._brands:
            self._brands[brand_id] = None
            # A token may be restricted to other endpoints.
            with suppress(PermissionDeniedError, NotFoundError):
                self._brands[brand_id] = self.client.brand(brand_id) if brand_id else None
        return self._brands[brand_id]

    def _get_examples(self, page_id: str) -> list[dict[str, Any]]:
        if page_id not in self._posts:
            posts = self.client.published_posts(page_id=page_id, limit=self.examples).items
            names = ("message", "published_at", "permalink")
            self._posts[page_id] = [
                {name: post.get(name) for name in names}
                for post in sorted(
                    posts, key=lambda post: str(post.get("published_at")), reverse=True
                )
            ]
        return self._posts[page_id]


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" and character not in "\n\t"
