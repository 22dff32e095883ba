"""Scheduling of calendar files: load, match with earlier runs, plan, check and apply."""
