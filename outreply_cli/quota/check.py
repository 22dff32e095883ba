"""Checks of remaining quota against minimums."""

from collections.abc import Mapping

from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.quota.quota import Bucket, Quota


class InsufficientQuotaError(OutReplyError):
    """Less of a quota remains than required."""

    code = "QUOTA_SHORT"
    exit_code = ExitCode.LIMIT_EXCEEDED


class QuotaUnknownError(OutReplyError):
    """The account does not report a quota."""

    code = "QUOTA_UNKNOWN"


def find_insufficient_quotas(quota: Quota, minimums: Mapping[str, int]) -> list[tuple[Bucket, int]]:
    """Return the buckets with less remaining than their minimum, and that minimum.

    Without minimums, each bucket needs 1. A bucket without a limit is never short.

    Raises:
        QuotaUnknownError: The account does not report a bucket in `minimums`, or any.
    """
    if not quota.buckets:
        raise QuotaUnknownError("the account does not report its monthly quotas")
    unknown = [name for name in minimums if quota.bucket(name) is None]
    if unknown:
        raise QuotaUnknownError(
            f"the account does not report these quotas: {', '.join(unknown)}",
            hint="See the reported ones: outreply quota show --json",
        )
    needed = minimums or {bucket.name: 1 for bucket in quota.buckets}
    return [
        (bucket, needed[bucket.name])
        for bucket in quota.buckets
        if bucket.name in needed
        and bucket.remaining is not None
        and bucket.remaining < needed[bucket.name]
    ]


def find_used_quotas(quota: Quota, share: float) -> list[Bucket]:
    """Return the buckets of which at least `share` (0 to 1) is used."""
    return [
        bucket for bucket in quota.buckets if bucket.share is not None and bucket.share >= share
    ]


def parse_share(text: str) -> float:
    """Return `80%` or `80` as 0.8; raises InvalidInputError."""
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 < percent <= 100:
        raise InvalidInputError(f"--warn-at: invalid percentage {text!r}", hint="Use 80% or 80.")
    return percent / 100
