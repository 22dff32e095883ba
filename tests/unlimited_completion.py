"""The command line without the time limit of completion, which a loaded machine exceeds."""

from outreply_cli.__main__ import main
from outreply_cli.completion import query

query._TIMEOUT_SECONDS = 60.0

if __name__ == "__main__":
    main()
