"""What happens to files while a plugin of the tests embeds, by the number of clips so far."""

from __future__ import annotations

from collections.abc import Callable


class Meanwhile:
    """Counts clips; what is to happen is called in the middle of embedding one."""

    def __init__(self) -> None:
        self.count = 0
        self.actions: dict[int, Callable[[], object]] = {}
        self.always: Callable[[], object] | None = None

    def start(self) -> None:
        """Count from 0 again."""
        self.count = 0

    def forget(self) -> None:
        """Let nothing happen any more."""
        self.actions.clear()
        self.always = None

    def embedding(self) -> None:
        """Say that a clip is being embedded; the plugin calls it."""
        self.count += 1
        action = self.always or self.actions.pop(self.count, None)
        if action is not None:
            action()


MEANWHILE = Meanwhile()
