"""`outreply quota check`."""

from typing import Annotated, Any

from outreply_cli.cli.options import command, option
from outreply_cli.context import Context
from outreply_cli.times import format_time
from outreply_cli.timestamps import format_timestamp


def _minimum(name: str) -> Any:
    return option("COUNT", f"Fail if fewer than COUNT {name} remain.", min=0)


@command()
def run(
    context: Context,
    min_publishes: Annotated[int | None, _minimum("publishes")] = None,
    min_replies: Annotated[int | None, _minimum("replies")] = None,
    min_reads: Annotated[int | None, _minimum("reads")] = None,
    warn_at: Annotated[
        str | None, option("PERCENT", "Warn when this share of a quota is used, such as 80%.")
    ] = None,
) -> None:
    """Check that enough monthly quota remains.

    Exits with 0 and prints nothing if enough quota remains; otherwise exits with 6. Without
    --min-publishes, --min-replies or --min-reads, at least 1 of each must remain. --warn-at
    warnings do not change the exit code.

    Example: outreply quota check --min-publishes 20 --warn-at 80%

    Example: outreply quota check --min-reads 500 --json
    """
    from outreply_cli.quota.check import (
        InsufficientQuotaError,
        find_insufficient_quotas,
        find_used_quotas,
        parse_share,
    )
    from outreply_cli.quota.quota import Quota, whole_percent

    share = parse_share(warn_at) if warn_at is not None else None
    options = {"publishes": min_publishes, "replies": min_replies, "reads": min_reads}
    minimums = {name: minimum for name, minimum in options.items() if minimum is not None}
    quota = Quota.from_account(context.client().account())
    reset = f"; resets {format_time(quota.resets_at, context.zone())}" if quota.resets_at else ""
    short = find_insufficient_quotas(quota, minimums)
    warnings = find_used_quotas(quota, share) if share is not None else []
    for bucket in warnings:
        context.warn(
            f"{whole_percent(bucket.share or 0)}% of this month's {bucket.name} used, "
            f"{bucket.remaining} remaining{reset}"
        )
    if short:
        shortages = [
            f"{bucket.remaining} {bucket.name} remaining, {required} required"
            for bucket, required in short
        ]
        raise InsufficientQuotaError(
            f"only {'; '.join(shortages)}{reset}",
            details={
                "short": [
                    {"bucket": bucket.name, "remaining": bucket.remaining, "required": required}
                    for bucket, required in short
                ],
                "resets_at": format_timestamp(quota.resets_at) if quota.resets_at else None,
            },
        )
    if context.options.output != "table":
        remaining = {bucket.name: bucket.remaining for bucket in quota.buckets}
        names = [bucket.name for bucket in warnings]
        context.output.print_data({"enough": True, "remaining": remaining, "warnings": names})
