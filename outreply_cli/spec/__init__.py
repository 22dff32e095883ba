"""What the API is, as data: limits, scopes, events, platforms, errors and media types."""
