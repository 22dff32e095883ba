"""YAML output that reads back unchanged and cannot control a terminal."""

from typing import Any

import yaml

from outreply_cli.formats.sanitize import escape_control_json, sanitize


def yaml_text(value: Any) -> str:
    """`value` as YAML without control or invisible characters."""
    document = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    # Unsafe characters only occur in double quotes, where YAML has JSON's escapes.
    return escape_control_json(document)


class _Dumper(yaml.SafeDumper):
    """Double-quotes every text that has unsafe characters."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        """Write repeated values in full."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    quoted = sanitize(text, keep_lines=True) != text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _represent_text)
