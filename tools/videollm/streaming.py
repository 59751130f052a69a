"""Text of a running generation in pieces, as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import Any

_HALF = "\ufffd"  # what half a character decodes to


class Text:
    """What ``generate`` writes into as its ``streamer``: decodes all tokens so far and hands on what is new.

    Decoding token by token instead would lose spaces and split characters with some tokenizers.
    """

    def __init__(self, tokenizer: Any, said: Callable[[str], None]) -> None:
        self._tokenizer = tokenizer
        self._said = said
        self._ids: list[int] | None = None
        self._given = ""

    def put(self, ids: Any) -> None:
        """Called by ``generate``: first with the prompt, then with every token."""
        if self._ids is None:
            self._ids = []
            return
        self._ids += ids.flatten().tolist()
        self._hand_on(whole=False)

    def end(self) -> None:
        """Called by ``generate`` behind the last token."""
        self._hand_on(whole=True)

    def _hand_on(self, whole: bool) -> None:
        text = self._tokenizer.decode(self._ids or [], skip_special_tokens=True)
        if not whole:
            # White space at the end is held back: the answer as a whole is stripped, too.
            text = text.rstrip(_HALF).rstrip()
        new = (text.rstrip() if whole else text)[len(self._given) :]
        if new:
            self._given += new
            self._said(new)


def pieces(run: Callable[[Callable[[str], None], threading.Event], None]) -> Generator[str]:
    """The text that ``run`` says in a thread of its own.

    Args:
        run: gets a function to say text with, and an event that is set when nobody listens any more.

    Raises:
        BaseException: what ``run`` raised, behind the pieces that came before it.
    """
    queue: SimpleQueue[str | BaseException | None] = SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        try:
            run(queue.put, stop)
            queue.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the text is read
            queue.put(error)

    thread = threading.Thread(target=work, name="vagent-videollm", daemon=True)
    thread.start()
    try:
        while (piece := queue.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        stop.set()
        thread.join()
