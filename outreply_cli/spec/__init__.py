"""The API as data: limits, scopes, events, platforms, error codes and media types."""
