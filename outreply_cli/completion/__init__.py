"""What the shells complete: words from static files, values that were seen a short time ago."""
