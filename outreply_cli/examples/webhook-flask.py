# webhook-flask.py: Handle webhooks with Flask.
import os

from flask import Flask, abort, request
from outreply_cli.webhooks import parse_event, verify

app = Flask(__name__)


@app.post("/hooks")
def receive():
    body = request.get_data()
    if not verify(
        body, request.headers.get("X-OutReply-Signature"), os.environ["OUTREPLY_WEBHOOK_SECRET"]
    ):
        abort(401)
    event = parse_event(body)
    print(event.name, event.key)
    return "", 200
