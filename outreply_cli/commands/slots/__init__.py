"""Set weekly posting times for `next-slot`.

`posts schedule --at next-slot`, and calendar rows without a time, take the next free slot of their
page. Commands that share a journal never take the same slot, but a command on another machine, or
the dashboard, may. See: outreply help slots
"""

COMMANDS = ("list", "set", "clear", "preview")
