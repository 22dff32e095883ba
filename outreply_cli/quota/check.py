"""Whether enough is left: a pure decision."""

from collections.abc import Mapping

from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError
from outreply_cli.quota.quota import Bucket, Quota


class QuotaExceededError(OutReplyError):
    """Less is left of a bucket than was asked for."""

    code = "QUOTA_SHORT"
    exit_code = ExitCode.LIMIT_EXCEEDED


class QuotaUnknownError(OutReplyError):
    """The account does not tell of a bucket that was asked for."""

    code = "QUOTA_UNKNOWN"


def short_buckets(quota: Quota, least: Mapping[str, int]) -> list[tuple[Bucket, int]]:
    """The buckets that have less left than `least` asks for, with what it asks for.

    Where it asks for nothing, those that have nothing left. A bucket without a limit never is.

    Raises:
        QuotaUnknownError: `least` names a bucket that the account does not tell of.
    """
    unknown = [name for name in least if quota.bucket(name) is None]
    if unknown:
        raise QuotaUnknownError(
            f"the account does not tell what is left of: {', '.join(unknown)}",
            hint="See what it tells: outreply quota show --json",
        )
    wanted = least or {bucket.name: 1 for bucket in quota.buckets}
    return [
        (bucket, wanted[bucket.name])
        for bucket in quota.buckets
        if bucket.name in wanted
        and bucket.remaining is not None
        and bucket.remaining < wanted[bucket.name]
    ]


def nearly_used(quota: Quota, share: float) -> list[Bucket]:
    """The buckets of which at least `share` (1 for all) is used."""
    return [
        bucket for bucket in quota.buckets if bucket.share is not None and bucket.share >= share
    ]


def parse_share(text: str) -> float:
    """`80%` or `80` as 0.8; raises InvalidInputError."""
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 < percent <= 100:
        raise InvalidInputError(f"{text!r} is no percentage", hint="Write 80% or 80.")
    return percent / 100
