"""The help of `outreply` itself."""

ROOT_HELP = """Manage an OutReply account from the command line.

Schedule and publish social posts, reply to comments, watch quotas, receive webhooks. To try it
without an account, run: outreply demo"""
