"""A stand-in for cloudflared, ngrok and tailscale that behaves as their documentation says.

It is installed under each name. STAND_IN_DIR is a directory where each start leaves a file with
its arguments and environment, and STAND_IN_MODE a failure: `silent`, `refused` or `stubborn`.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

NAME, WORDS = Path(sys.argv[0]).name, sys.argv[1:]
MODE = os.environ.get("STAND_IN_MODE", "")
DIRECTORY = Path(os.environ.get("STAND_IN_DIR", ""))
NODE = "machine.tail1234.ts.net"


def log_start() -> int:
    number = len(list(DIRECTORY.glob("start-*"))) + 1
    start = {"name": NAME, "pid": os.getpid(), "words": WORDS, "environ": dict(os.environ)}
    temporary = DIRECTORY / f".{os.getpid()}"
    temporary.write_text(json.dumps(start))
    temporary.rename(DIRECTORY / f"start-{number}")
    return number


def block() -> None:
    while True:
        time.sleep(3600)


def cloudflared() -> None:
    assert WORDS[:-1] == ["tunnel", "--no-autoupdate", "--config", os.devnull, "--url"], WORDS
    number = log_start()

    def log(*texts: str) -> None:
        sys.stderr.write("".join(f"2026-09-30T10:00:00Z {text}\n" for text in texts))
        sys.stderr.flush()

    log("INF Thank you for trying Cloudflare Tunnel (https://www.cloudflare.com/website-terms/)")
    log("INF Requesting new quick Tunnel on trycloudflare.com...")
    if MODE == "refused":
        log('ERR failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": EOF')
        sys.exit(1)
    if MODE != "silent":
        # In one write: a receiver that is killed after it has read the URL reads no more.
        log(
            "INF +----------------------------------------------------------+",
            "INF |  Your quick Tunnel has been created! Visit it at:        |",
            f"INF |  https://some-words-{number}.trycloudflare.com             |",
            "INF +----------------------------------------------------------+",
        )
    block()


def ngrok() -> None:
    assert WORDS[:1] + WORDS[2:] == ["http", "--log", "stdout", "--log-format", "json"], WORDS
    number = log_start()

    def log(**record: str) -> None:
        sys.stdout.write(json.dumps({"lvl": "info", "t": "2026-09-30T10:00:00Z", **record}) + "\n")
        sys.stdout.flush()

    log(msg="starting web service", obj="web", addr="127.0.0.1:4040")
    if MODE == "refused":
        log(
            lvl="eror", msg="failed to reconnect session", err="authentication failed: no authtoken"
        )
        sys.stderr.write("ERROR:  ERR_NGROK_4018\n")
        sys.exit(1)
    if MODE != "silent":
        url = f"https://{number}b2c.ngrok-free.app"
        log(msg="started tunnel", obj="tunnels", name="command_line", addr=WORDS[1], url=url)
    block()


def tailscale() -> None:
    sessions = {}
    for path in DIRECTORY.glob("session-*"):
        pid, port = path.name.split("-")[1:]
        # The configuration of a foreground command goes with its process.
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            sessions[pid] = {"TCP": {port: {"HTTPS": True}}}
    if WORDS == ["funnel", "status", "--json"]:
        sys.stdout.write(json.dumps({"Foreground": sessions} if sessions else {}))
        return
    command, option, target = WORDS
    https, _, port = option.partition("=")
    assert (command, https) == ("funnel", "--https"), WORDS
    log_start()
    if any(port in session["TCP"] for session in sessions.values()):
        sys.exit(f"listener already exists for port {port}")
    if MODE == "refused":
        sys.stdout.write("Funnel is not enabled on your tailnet.\nTo enable, visit:\n\n")
        sys.stdout.write("         https://login.tailscale.com/f/funnel?node=n1\n\n")
        return
    if MODE != "silent":
        (DIRECTORY / f"session-{os.getpid()}-{port}").touch()
        suffix = "" if port == "443" else f":{port}"
        sys.stdout.write(f"Available on the internet:\n\nhttps://{NODE}{suffix}/\n")
        sys.stdout.write(f"|-- proxy {target}\n\nPress Ctrl+C to exit.\n")
        sys.stdout.flush()
    block()


if __name__ == "__main__":
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    {"cloudflared": cloudflared, "ngrok": ngrok, "tailscale": tailscale}[NAME]()
