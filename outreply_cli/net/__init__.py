"""Network plumbing: the SSRF guard, webhook delivery and the local server."""
