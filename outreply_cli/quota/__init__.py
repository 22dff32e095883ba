"""Monthly quotas, rate limits and guardrail usage."""
