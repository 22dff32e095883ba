"""YAML for people and programs: it reads back as it was, and steers no terminal."""

from typing import Any

import yaml

from outreply_cli.ui.sanitize import is_risky, json_escape


def yaml_text(value: Any) -> str:
    """`value` as YAML in which nothing steers a terminal or hides."""
    document = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    if document.replace("\n", "").isprintable():
        return document
    # What is risky stands in double quotes, where YAML has JSON's escapes.
    return "".join(
        json_escape(character) if is_risky(character) and character != "\n" else character
        for character in document
    )


class _Dumper(yaml.SafeDumper):
    """Quotes every text that has characters which are not to be seen."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library calls it
        """Write everything out: what stands twice stands there twice."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    quoted = any(is_risky(character) and character != "\n" for character in text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _text)
