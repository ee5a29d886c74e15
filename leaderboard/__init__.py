"""The leaderboard: result rows in, Markdown and HTML out."""
