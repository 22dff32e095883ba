"""The API as data: limits, scopes, events, platforms, error codes, media types and tokens."""
