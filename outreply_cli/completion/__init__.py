"""Shell completion: words from a generated file, and values that recent commands saw."""
