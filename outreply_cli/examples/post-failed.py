#!/usr/bin/env python3
# post-failed.py: Report failed posts to Slack or by email.
# export SLACK_WEBHOOK_URL=https://hooks.slack.com/services/...
# outreply serve-webhook --events post.failed --exec 'python post-failed.py'
# Without SLACK_WEBHOOK_URL it sends mail to MAIL_TO through SMTP_HOST (default: localhost).
import json
import os
import smtplib
import sys
import urllib.request
from email.message import EmailMessage


def describe(event):
    """Return the lines of the report; a payload may lack any field."""
    data = event.get("data") or {}
    post = data.get("post") or {}
    error = post.get("error") or data.get("error") or "no reason given"
    lines = [f"A post on {post.get('platform', 'an unknown platform')} failed: {error}"]
    lines += [str(post["message"])[:300]] if post.get("message") else []
    lines += [f"Send it again: outreply posts retry {post['id']}"] if post.get("id") else []
    return lines


def send_to_slack(url, text):
    for character, escape in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escape)
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def send_mail(recipient, lines):
    message = EmailMessage()
    message["To"] = recipient
    message["From"] = os.environ.get("MAIL_FROM", recipient)
    message["Subject"] = " ".join(lines[0].split())
    message.set_content("\n\n".join(lines))
    host, _, port = os.environ.get("SMTP_HOST", "localhost").partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=10) as server:
        server.send_message(message)


def main():
    event = json.load(sys.stdin)
    if (event.get("event") or event.get("type")) != "post.failed":
        return
    if os.environ.get("SLACK_WEBHOOK_URL"):
        send_to_slack(os.environ["SLACK_WEBHOOK_URL"], "\n".join(describe(event)))
    elif os.environ.get("MAIL_TO"):
        send_mail(os.environ["MAIL_TO"], describe(event))
    else:
        sys.exit("Set SLACK_WEBHOOK_URL or MAIL_TO.")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"Not sent: {error}")
