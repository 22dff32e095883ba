"""`outreply quota`: what is left of your limits."""

from typing import Any

from outreply_cli.commands.options import command, new_group
from outreply_cli.terminal.output import Column
from outreply_cli.terminal.session import Session
from outreply_cli.times import from_api, show_instant

app = new_group("What is left of your limits.")
_BUCKETS = ("publishes", "replies", "reads", "webhooks", "writes")


@command(app, "show")
def quota_show(session: Session) -> None:
    """Show the month's buckets, storage and rate limit.

    Example: outreply quota show --json
    """
    account = session.client().account()
    if session.choices.output != "table" or session.choices.fields:
        session.output.show_value(account)
        return
    quota = account.get("quota") or {}
    session.output.show_list(
        _rows(quota),
        [
            Column("Limit", "name"),
            Column("Used", "used"),
            Column("Of", "limit"),
            Column("Left", "left", style=lambda row: "red" if row["left"] == "0" else ""),
        ],
        id_field="name",
    )
    resets = (quota.get("monthly") or {}).get("resets_at")
    if isinstance(resets, str):
        session.note(
            f"The month's limits reset on {show_instant(from_api(resets), session.zone())}."
        )


def _rows(quota: dict[str, Any]) -> list[dict[str, str]]:
    monthly = quota.get("monthly") or {}
    rows = [
        _row(f"{name} this month", bucket.get("used"), bucket.get("limit"), bucket.get("remaining"))
        for name in _BUCKETS
        if isinstance(bucket := monthly.get(name), dict)
    ]
    if storage := quota.get("storage"):
        rows.append(
            _row(
                "storage (MB)",
                *(
                    _megabytes(storage.get(f"{key}_bytes"))
                    for key in ("used", "limit", "remaining")
                ),
            )
        )
    if rate := quota.get("rate_limit"):
        rows.append(_row("requests a minute", None, rate.get("per_minute"), None))
        rows.append(_row("requests a day", None, rate.get("per_day"), None))
    return rows


def _row(name: str, used: Any, limit: Any, left: Any) -> dict[str, str]:
    return {"name": name, "used": _figure(used), "limit": _figure(limit), "left": _figure(left)}


def _figure(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else "-"


def _megabytes(value: Any) -> Any:
    return round(value / 1024 / 1024, 1) if isinstance(value, (int, float)) else None
