"""The number of requests that an emulator has received."""

from outreply_cli.emulator.server import EmulatorServer


def count_requests(emulator: EmulatorServer) -> int:
    """Count the requests with any token."""
    # A transaction writes the uses that the emulator has deferred.
    with emulator.state.transaction() as db:
        return int(db.execute("SELECT sum(request_count) FROM tokens").fetchone()[0] or 0)
