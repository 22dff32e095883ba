"""Terminal primitives: output formats, tables, progress, colors and errors."""
