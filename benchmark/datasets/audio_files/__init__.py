"""Audio files of every format: how long they are by what they hold, and all of them decoded."""
