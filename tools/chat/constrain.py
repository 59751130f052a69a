"""Holding a model to a JSON schema while it writes, token by token, with llguidance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vagent.errors import EngineFailed

_ENDINGS = ('"', "}", "]", ",", "0")  # of a string, an object, a list, a value before others, a number that has begun
_LONGEST_ENDING = 2000  # tokens; a handful is usual


class Grammar:
    """What llguidance knows of one tokenizer; takes up to a second to make.

    Args:
        tokenizer: a fast tokenizer of transformers.
        size: of the model's vocabulary.
        ends: tokens that end a reply.

    Raises:
        EngineFailed: the tokenizer is of another kind.
    """

    def __init__(self, tokenizer: Any, size: int, ends: Sequence[int]) -> None:
        from llguidance.hf import from_tokenizer

        try:
            self.tokens = from_tokenizer(tokenizer, n_vocab=max(size, len(tokenizer)), eos_token=list(ends))
        except ValueError as error:
            what = f"the model's tokenizer cannot be held to JSON ({error})"
            raise EngineFailed(what, hint="take another chat.model, or set chat.tools to native") from error

    def follow(self, schema: Mapping[str, Any]) -> Constraint:
        """A constraint for one reply.

        Raises:
            EngineFailed: the schema asks for what cannot be followed.
        """
        from llguidance import LLMatcher

        # With blanks wherever JSON has them a model may write nothing else for ever.
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides={"whitespace_flexible": False})
        matcher = LLMatcher(self.tokens, grammar, log_level=0)
        if matcher.is_error():
            raise EngineFailed("no model can be held to this JSON schema", matcher.get_error().splitlines()[0])
        return Constraint(self.tokens, matcher)


class Constraint:
    """Leaves a model only those tokens that go on to JSON of the schema: a ``LogitsProcessor`` for one reply."""

    def __init__(self, tokens: Any, matcher: Any) -> None:
        self._tokens = tokens
        self._matcher = matcher
        self._prompt: int | None = None
        self._taken: list[int] = []

    def __call__(self, ids: Any, scores: Any) -> Any:
        """The scores with all other tokens made impossible."""
        import torch

        if self._prompt is None:
            self._prompt = ids.shape[1]
        self.take(ids[0, self._prompt :].tolist())
        allowed = np.zeros(scores.shape[-1], bool)
        found = self._allowed()[: len(allowed)]
        allowed[: len(found)] = found
        return scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), -torch.inf)

    def take(self, written: Sequence[int]) -> None:
        """Go on to where the model is.

        Args:
            written: all tokens of the reply so far.

        Raises:
            EngineFailed: the model wrote what it was not allowed to.
        """
        new = list(written[len(self._taken) :])
        ends = self._tokens.eos_tokens
        new = new[: next((i for i, token in enumerate(new) if token in ends), len(new))]
        if new and not self._matcher.consume_tokens(new):
            raise EngineFailed("the model left the JSON that it was held to", self._matcher.get_error()[:200])
        self._taken += new

    def text(self) -> str:
        """The JSON that was written, brought to its shortest end where it has none: that needs no model.

        Raises:
            EngineFailed: it cannot be ended.
        """
        endings = [self._tokens.greedy_tokenize(mark) for mark in _ENDINGS]
        preferred = [tokens[0] for tokens in endings if len(tokens) == 1]
        for _ in range(_LONGEST_ENDING):
            if self._matcher.is_accepting():
                return str(self._tokens.decode_str(self._taken))
            allowed = self._allowed()
            likely = (token for token in preferred if allowed[token])
            # Where none of them is allowed, what must come is fixed, or any will do.
            token = next(likely, int(allowed.argmax()))
            if not allowed[token]:
                break
            self.take([*self._taken, token])
        raise EngineFailed("the model's JSON cannot be ended", str(self._tokens.decode_str(self._taken))[:200])

    def _allowed(self) -> NDArray[np.bool_]:
        """For each token of the vocabulary whether it may come next."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        return np.unpackbits(mask, bitorder="little").view(bool)
