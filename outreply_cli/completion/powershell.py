"""The script for PowerShell 5.1 and later, on every system."""

from collections.abc import Iterable

from outreply_cli.cli.tree import Command
from outreply_cli.completion.grammar import HEADER, Grammar, single_quoted

_HEAD = f"# {HEADER} powershell\n"

_BEGIN = r"""
Register-ArgumentCompleter -Native -CommandName outreply, outreply.exe -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
"""

_MACHINERY = r"""
    # What follows the tab in the line of a table that begins with a word; case counts (-f, -F).
    function Find-Kind($table, $word) {
        foreach ($each in $table) {
            $key, $kind = $each -split "`t", 2
            if ($key -ceq $word) { return $kind }
        }
        return $null
    }

    function Offer($lines) {
        foreach ($each in $lines) {
            $value, $text = $each -split "`t", 2
            if (-not $value.StartsWith($prefix, [StringComparison]::Ordinal)) { continue }
            if (-not $text) { $text = $value }
            [System.Management.Automation.CompletionResult]::new(
                "$before$value", $value, 'ParameterValue', $text)
        }
    }

    function Offer-Kind($kind) {
        if (-not $kind) { return }
        $values = $kinds[$kind]
        Offer $values.Words
        if ($values.Known) {
            # An empty argument would be lost on its way.
            $asked = if ($prefix) { $prefix } else { '""' }
            Offer (& $program __complete $values.Known $asked @given 2>$null)
        }
        if ($values.Paths) {
            [System.Management.Automation.CompletionCompleters]::CompleteFilename($prefix)
        }
    }

    $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
    $program = $words[0]
    $given = @($words | Select-Object -Skip 1)
    if ($wordToComplete -ne '' -and $given.Count) {
        $given = @($given | Select-Object -First ($given.Count - 1))
    }
    $path = ''
    $command = $commands[$path]
    $arguments = 0
    $pending = $null
    foreach ($word in $given) {
        if ($null -ne $pending) { $pending = $null }
        elseif ($word.StartsWith('-')) { $pending = Find-Kind $command.Valued $word }
        elseif ($arguments -eq 0 -and $commands.ContainsKey("$path $word".Trim())) {
            $path = "$path $word".Trim()
            $command = $commands[$path]
        }
        else { $arguments += 1 }
    }
    $prefix = $wordToComplete
    $before = ''
    if ($null -ne $pending) { Offer-Kind $pending }
    elseif ($prefix -match '^(--[^=]+)=(.*)$') {
        $before = $Matches[1] + '='
        $prefix = $Matches[2]
        Offer-Kind (Find-Kind $command.Valued $before.TrimEnd('='))
    }
    elseif ($prefix.StartsWith('-')) { Offer $command.Flags }
    elseif ($command.Commands.Count -and $arguments -eq 0) { Offer $command.Commands }
    elseif ($command.Arguments.Count) {
        $last = $command.Arguments.Count - 1
        $kind = $command.Arguments[[Math]::Min($arguments, $last)]
        if ($arguments -le $last -or $kind.EndsWith('*')) { Offer-Kind $kind.TrimEnd('*') }
    }
}
"""


def powershell_script(grammar: Grammar) -> str:
    """The whole script."""
    lines = [_HEAD + _BEGIN, "    $kinds = @{"]
    for name, values in grammar.kinds.items():
        words = _array(_line(word, text) for word, text in values.words)
        lines.append(
            f"        {_quoted(name)} = @{{ Words = {words}; Paths = {_quoted(values.paths)}; "
            f"Known = {_quoted(values.known)} }}"
        )
    lines += ["    }", "    $commands = @{"]
    lines += [_command(grammar, command) for command in grammar.commands()]
    return "\n".join([*lines, "    }"]) + "\n" + _MACHINERY


def _command(grammar: Grammar, command: Command) -> str:
    parts = {
        "Commands": (_line(each.path[-1], each.purpose) for each in command.commands),
        "Flags": (_line(flag, one.help) for one in command.options for flag in one.flags),
        "Valued": (
            f"{flag}\t{grammar.kind_of(command, one)}"
            for one in command.options
            if one.takes_value
            for flag in one.flags
        ),
        "Arguments": (
            grammar.kind_of(command, one) + ("*" if one.repeats else "")
            for one in command.arguments
        ),
    }
    told = "; ".join(f"{name} = {_array(texts)}" for name, texts in parts.items())
    return f"        {_quoted(' '.join(command.path))} = @{{ {told} }}"


def _line(word: str, text: str) -> str:
    return f"{word}\t{text}" if text else word


def _array(texts: Iterable[str]) -> str:
    return "@(" + ", ".join(_quoted(text) for text in texts) + ")"


def _quoted(text: str) -> str:
    return single_quoted(text, quote="''")
