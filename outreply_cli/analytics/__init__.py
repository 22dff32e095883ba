"""Snapshots of metrics and followers, and the figures computed from them."""
