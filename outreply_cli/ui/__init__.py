"""Terminal primitives that know no feature."""
