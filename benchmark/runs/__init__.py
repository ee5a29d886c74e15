"""What a command does, pair by pair: run, embed, probe, sweep, dry run, list."""
