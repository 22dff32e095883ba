"""The command line as the shells' scripts need it: what may follow what."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from outreply_cli.cli.tree import Command, Parameter
from outreply_cli.completion.values import Values, values_of

HEADER = "What outreply completes; written by: outreply completion"


@dataclass
class Grammar:
    """A tree of commands, and every kind of value in it by a name of its own.

    Attributes:
        root: The tree.
        kinds: Name -> what may stand there.
    """

    root: Command
    kinds: dict[str, Values] = field(default_factory=dict)
    _names: dict[tuple[tuple[str, ...], str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for command in self.root.walk():
            for one in command.parameters:
                values = values_of(command.path, one.name)
                if one.takes_value and values:
                    self._names[command.path, one.name] = self._name_for(one.name, values)

    def commands(self) -> Iterator[Command]:
        """The root, and every command below it."""
        return self.root.walk()

    def kind_of(self, command: Command, parameter: Parameter) -> str:
        """The name of what may stand for a parameter; empty where nothing is known of it."""
        return self._names.get((command.path, parameter.name), "")

    def values_of(self, command: Command, parameter: Parameter) -> Values:
        """What may stand for a parameter."""
        return self.kinds.get(self.kind_of(command, parameter), Values())

    def _name_for(self, parameter: str, values: Values) -> str:
        found = next((name for name, known in self.kinds.items() if known == values), None)
        if found is not None:
            return found
        wanted = values.known or values.paths or parameter
        name = wanted if wanted not in self.kinds else f"{wanted}_{len(self.kinds)}"
        self.kinds[name] = values
        return name


def single_quoted(text: str, *, quote: str) -> str:
    """`text` between single quotes, with `quote` for a quote in it."""
    return "'" + text.replace("'", quote) + "'"
