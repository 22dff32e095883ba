"""Delivery rules of webhooks (reference: Retries & auto-disable, Secret rotation)."""

# Seconds between attempts; after the last retry the delivery fails.
RETRY_SECONDS = (30, 120, 600, 1_800, 7_200)
# Consecutive failures over all events that disable a webhook.
FAILURES_BEFORE_DISABLING = 20
# A slower response counts as a failure.
RESPONSE_TIMEOUT_SECONDS = 10.0
# Both secrets sign for this long after a rotation.
ROTATION_SECONDS = 86_400.0
