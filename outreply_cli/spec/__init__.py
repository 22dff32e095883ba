"""The API and the platforms as data: limits, scopes, events, errors, media types and rules."""
