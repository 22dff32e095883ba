"""The help of `outreply` itself, and what it prints to a user without an account."""

ROOT_HELP = """Manage an OutReply account from the command line.

Schedule and publish social posts, reply to comments, watch quotas, receive webhooks. To try it
without an account, run: outreply demo"""
WELCOME = """\
outreply manages an OutReply account from the command line: schedule and publish
social posts, reply to comments, watch quotas, receive webhooks.

Try it:        outreply demo             needs no account, leaves nothing behind
Practice:      outreply emulator start   a local emulator of the whole API
Sign in:       outreply auth login       with a token from your dashboard
In scripts:    OUTREPLY_API_KEY=...      instead of signing in
All commands:  outreply --help
"""
