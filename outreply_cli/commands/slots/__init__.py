"""Set the posting times that `next-slot` takes.

`posts schedule --at next-slot`, and rows of calendars without a time, take the next free slot of
their page. A slot is taken by one post only, but only among the commands that share this machine's
store: a command on another machine, or the dashboard, may fill the same slot. See: outreply help
slots
"""

COMMANDS = ("list", "set", "clear", "preview")
