"""What `outreply` says of itself, and alone to somebody who is not signed in."""

ROOT_HELP = """Run an OutReply account: schedule, publish, answer, watch.

Try it without an account: outreply demo"""
WELCOME = """\
outreply runs an OutReply account from here: schedule and publish social posts,
carry out a calendar file exactly once, watch limits, receive webhooks.

See it work:   outreply demo             no account needed, nothing stays
Rehearse:      outreply emulator start   the whole API on this machine
Sign in:       outreply auth login       with a token from your dashboard
In scripts:    OUTREPLY_API_KEY=...      instead of signing in
All commands:  outreply --help
"""
