"""Fixed splits, as data: <task>.<split>.csv."""
