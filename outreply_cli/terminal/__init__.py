"""What every command shares: the session, output in every format, failures, prompts, progress."""
