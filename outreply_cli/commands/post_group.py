"""The group that the commands on posts belong to."""

from outreply_cli.commands.options import new_group

app = new_group("Schedule, publish, list and cancel posts.")
