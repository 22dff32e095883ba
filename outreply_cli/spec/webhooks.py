"""Webhook deliveries as the reference describes them (reference: Retries & auto-disable)."""

# Seconds from a failed attempt to the next; after the last retry the delivery is given up.
RETRY_SECONDS = (30, 120, 600, 1_800, 7_200)
# Failures in a row, over all events, after which the webhook is disabled.
FAILURES_BEFORE_DISABLING = 20
# A response that takes longer counts as a failure.
RESPONSE_TIMEOUT_SECONDS = 10.0
# For this long after a rotation, both secrets sign (reference: Secret rotation).
ROTATION_SECONDS = 86_400.0
