# webhook-fastapi.py: Handle webhooks with FastAPI.
import os

from fastapi import FastAPI, HTTPException, Request
from outreply_cli.webhooks import parse_event, verify

app = FastAPI()


@app.post("/hooks")
async def receive(request: Request) -> dict[str, str]:
    body = await request.body()
    if not verify(
        body, request.headers.get("X-OutReply-Signature"), os.environ["OUTREPLY_WEBHOOK_SECRET"]
    ):
        raise HTTPException(401)
    return {"received": parse_event(body).key}
