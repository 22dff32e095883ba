"""The command line for OutReply accounts.

Layers, each importing only from itself and those below it:

    __main__        entry point
    app, pytest_plugin
                    errors become a message and an exit code, once; the emulator as a fixture
    commands/       one folder per group, one file per command: options, calls of services, output
    cli/            the command tree, help pages, man pages; the adapter to Typer
    context         passed to commands: streams, options, account, clock
    demo, doctor/, overview
                    services that use all others
    failed_posts    posts that failed, by the journal and by events
    analytics/      snapshots of followers and metrics, and figures from them
    bulk/, quota/, completion/
    comments/
    posts/          content, guardrails, sending, listing
    media/          recognition, upload, library
    emulator/, webhooks/
    pages, journal/
                    page lookup; the log of what was sent, with its outcome
    accounts/, ids, snippets/
                    profiles, credentials, login; shortened IDs; requests for other tools
    api/            client, transport, retry, rate limit
    ui/             output formats, tables, streams, progress, errors; imports no feature
    net/, storage/  delivery client, SSRF guard, local server, HTML; databases, private files
    spec/, time_parser, paths, subprocesses, cancellation
    times, formats/
    clock, errors, timestamps, env

`topics/`, `examples/` and `templates/` hold package data.
"""

__version__ = "0.1.0"
