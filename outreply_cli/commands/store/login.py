"""`outreply store login`."""

from contextlib import closing
from typing import Annotated

from outreply_cli.cli.options import command, switch
from outreply_cli.context import Context
from outreply_cli.errors import InvalidInputError


@command(api=False)
def run(
    context: Context,
    with_password: Annotated[bool, switch("Read the password from stdin.")] = False,
) -> None:
    """Save the password of the team's store in the system keyring.

    The password is read from a hidden prompt, or from stdin with --with-password, and checked with
    the database before it is stored. It is used if the store URL, PGPASSWORD and PGPASSFILE have
    none.

    Example: outreply store login --with-password < password.txt

    Example: outreply store login --with-password --json < password.txt
    """
    with closing(context.store.database()) as database:
        if database.has_password:
            raise InvalidInputError(
                "the store URL has a password, which would be used instead",
                hint="Remove it from the URL, then run the command again.",
            )
        if not with_password and not context.is_interactive:
            raise InvalidInputError(
                "a password is required when not running interactively",
                hint="Pass it on stdin: outreply store login --with-password < FILE",
            )
        prompt = f"Password for {database.address}: "
        password = context.read_line() if with_password else context.prompt_secret(prompt)
        if not password:
            raise InvalidInputError("the password is empty; nothing was stored")
        context.store_password.known = password
        from outreply_cli.storage.postgres import wrap_postgres_errors

        hint = "Nothing was stored. Check the password and the store URL."
        with wrap_postgres_errors(f"the store {database.name}", hint=hint):
            is_asked = database.requires_password(password)
        if not is_asked:
            raise InvalidInputError(
                f"the store {database.name} does not ask for a password; nothing was stored"
            )
        context.store_password.save(database.address, password)
    context.report(
        {"store": database.name, "address": database.address},
        f"Stored the password for {database.address} in the system keyring.",
    )
