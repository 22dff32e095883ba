"""Texts that try to run a script in the dashboard."""

import json

from outreply_cli.emulator.server import EmulatorServer

HOSTILE = (
    "<script>document.title='taken'</script><img src=x onerror=document.title='taken'>"
    "\"' onfocus=document.title='taken' autofocus x='{{ 7 * 7 }}"
)

MEDIA = json.dumps([{"src": HOSTILE, "type": "photo"}, {"src": HOSTILE, "type": HOSTILE}])


def insert_hostile_text(emulator: EmulatorServer) -> None:
    """Put the text everywhere that users control."""
    with emulator.state.transaction() as db:
        db.execute("UPDATE users SET email = ?, firstname = ?", (HOSTILE, HOSTILE))
        db.execute(
            "UPDATE posts SET message = ?, link = ?, first_comment = ?, media = ?",
            (HOSTILE, HOSTILE, HOSTILE, MEDIA),
        )
        db.execute("UPDATE pages SET username = ?, name = ?", (HOSTILE, HOSTILE))
        db.execute("UPDATE brands SET name = ?", (HOSTILE,))
        db.execute("UPDATE tokens SET name = ?", (HOSTILE,))
        user = db.execute("SELECT id FROM users").fetchone()[0]
        db.execute(
            "INSERT INTO hooks (id, user_id, url, events, secret, created_at) "
            "VALUES ('h', ?, ?, '[\"comment.received\"]', 's', 0)",
            (user, "http://127.0.0.1:9/" + HOSTILE),
        )
        db.execute(
            "INSERT INTO media (id, user_id, filename, size_bytes, mime_type, sha256, created_at) "
            "VALUES (?, ?, ?, 1, ?, '', 0)",
            (HOSTILE, user, HOSTILE, HOSTILE),
        )
        post = db.execute("SELECT id FROM posts WHERE status = 'published'").fetchone()[0]
    emulator.handle.request("comment", post_id=post, message=HOSTILE, name=HOSTILE)
    emulator.handle.request("token", name=HOSTILE + "2", collaborator=HOSTILE, brands=[HOSTILE])
    emulator.handle.request("fault", add="status:503", options={"path": HOSTILE, "method": HOSTILE})
