"""Trains the tiny Whisper of ``whisper_tones`` and writes its weights beside this file. Ten minutes on two cores.

    python -m tests.models.train_whisper [STEPS [WEIGHTS]]      WEIGHTS: go on from those

The weights beside this file had 1500 steps, most of them on windows of 8 seconds, and then 400 of this script from
those on (seed 7): of three sentences in a window all are right, of six three quarters.

What is learnt is the convolutions, the decoder and the few rows of the vocabulary that the language of tones needs; the
encoder's one layer passes on what it gets. Timestamps are embedded as a learned turn of the encoder's own positions, so
that times that never occurred in training are right, too. The cross-attention of the last decoder layer is led to the
tone of each word: it is what both libraries take word times from. ``tests.models.whisper`` makes of the weights
checkpoints in the formats of the libraries.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F  # noqa: N812
from whisper.audio import log_mel_spectrogram
from whisper.model import ModelDimensions, MultiHeadAttention, Whisper
from whisper.tokenizer import get_tokenizer

from tests.models import whisper_tones as tones

OUT = Path(__file__).parent / "data" / "whisper_tones.safetensors"
STATE, HEADS, LAYERS, FRAMES, TEXT = 64, 2, 2, 1500, 448
VOCABULARY = 51_865
SEED, BATCH, RATE = 7, 12, 2e-3
SOUND = 14.0  # seconds with sound in a window of thirty

tokenizer = get_tokenizer(True, num_languages=99, language="en", task="transcribe")
LANGUAGE = {code: tokenizer.to_language_token(code) for code in tones.LANGUAGES}


def encode(text: str) -> list[int]:
    return list(tokenizer.encode(text))


def used() -> list[int]:
    """The tokens that have a row of their own; timestamps follow by themselves."""
    words = {t for rows in tones.SENTENCES.values() for row in rows for word in row for t in encode(word)}
    words |= {*encode("."), *encode(tones.PHANTOM), *encode(tones.LOOP)}
    special = {tokenizer.sot, tokenizer.eot, tokenizer.transcribe, tokenizer.translate, tokenizer.no_speech}
    return sorted(words | special | {tokenizer.no_timestamps, *LANGUAGE.values()})


class Tiny(nn.Module):
    """The trained parts, with a vocabulary of the used tokens, the timestamps, and one row for all others."""

    def __init__(self) -> None:
        super().__init__()
        dims = ModelDimensions(80, FRAMES, STATE, HEADS, 1, 8, TEXT, STATE, HEADS, LAYERS)
        self.whisper = Whisper(dims)
        self.rows = used()
        self.index = {token: row for row, token in enumerate(self.rows)}
        self.free = nn.Parameter(torch.randn(len(self.rows), STATE) * 0.3)
        self.turn = nn.Parameter(torch.eye(STATE) * 0.3 + torch.randn(STATE, STATE) * 0.02)
        self.shift = nn.Parameter(torch.randn(STATE) * 0.1)
        self.other = nn.Parameter(torch.randn(STATE) * 0.1)
        nn.init.normal_(self.whisper.decoder.positional_embedding, std=0.05)
        with torch.no_grad():  # so that what is heard is not drowned by where it is heard
            self.whisper.encoder.conv1.weight *= 3
            self.whisper.encoder.conv2.weight *= 6

    def table(self) -> torch.Tensor:
        basis = self.whisper.encoder.positional_embedding
        basis = torch.cat([basis, basis[-1:]])  # there are 1501 timestamps
        return torch.cat([self.free, basis @ self.turn + self.shift, self.other[None]])

    def row(self, token: int) -> int:
        if token >= tokenizer.timestamp_begin:
            return len(self.rows) + token - tokenizer.timestamp_begin
        return self.index[token]

    def forward(self, mel: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        encoder, decoder = self.whisper.encoder, self.whisper.decoder
        x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel)))).permute(0, 2, 1)
        heard = encoder.ln_post(x + encoder.positional_embedding[: x.shape[1]])
        table = self.table()
        x = table[tokens] + decoder.positional_embedding[: tokens.shape[1]]
        for block in decoder.blocks:
            x = x + block.attn(block.attn_ln(x), mask=decoder.mask)[0]
            asked = block.cross_attn_ln(x)
            attention = _attention(block.cross_attn, asked, heard)
            x = x + block.cross_attn(asked, heard)[0]
            x = x + block.mlp(block.mlp_ln(x))
        logits = decoder.ln(x) @ table.T
        others = logits[..., -1:] + float(np.log(VOCABULARY - table.shape[0]))
        return torch.cat([logits[..., :-1], others], -1), attention


def _attention(layer: MultiHeadAttention, asked: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
    """What a layer attends to, before the softmax; the library gives it away without its gradient."""
    heads = [x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (layer.query(asked), layer.key(heard))]
    return heads[0] @ heads[1].transpose(2, 3) * (STATE // HEADS) ** -0.5


class Sample:
    """A window of sound, what is to be said to it, and where each token is heard."""

    def __init__(self, model: Tiny, random: np.random.Generator) -> None:
        self.tokens: list[int] = []
        self.targets: list[int] = []
        self.led: list[tuple[int, float, float]] = []  # position, seconds of the sound it should look at
        self.model = model
        kind = random.choice(["speech", "noise", "silence", "drone"], p=[0.8, 0.09, 0.03, 0.08])
        language, asked = random.choice(tones.LANGUAGES, 2)
        asked = language if random.random() < 0.6 else asked
        translate = bool(random.random() < 0.25)
        timed = bool(random.random() < 0.6)
        spoken: list[tones.Spoken] = []
        self.sound = tones.quantise(np.zeros(8000))
        if kind == "speech":
            spoken, seconds = self._speak(random, str(language))
            self.sound = tones.sound(spoken, seconds, float(np.exp(random.uniform(-3, -0.3))))
            if random.random() < 0.3:
                self._disturb(spoken, random)
        elif kind == "noise":
            self.sound = tones.noise(
                random.uniform(0.5, 0.7 * SOUND),
                float(np.exp(random.uniform(-3, -0.5))),
                int(random.integers(1 << 30)),
            )
        elif kind == "drone":
            self.sound = tones.drone(random.uniform(1, 8), float(np.exp(random.uniform(-3, -0.5))))
        else:
            self.sound = tones.quantise(np.zeros(round(random.uniform(0.5, 0.7 * SOUND) * tones.RATE)))
        if random.random() < 0.5 and kind != "silence":
            hiss = random.normal(0, float(np.exp(random.uniform(-11, -7))), len(self.sound))
            self.sound = tones.quantise(self.sound / 32768 + hiss)
        writes = "en" if translate else str(asked)
        heard = LANGUAGE[str(language)] if kind == "speech" else tokenizer.no_speech
        if kind == "drone":
            heard = LANGUAGE["en"]
        self._say(tokenizer.sot, heard)
        self._say(LANGUAGE[str(asked)], None)
        self._say(tokenizer.translate if translate else tokenizer.transcribe, None)
        if not timed:
            self._replace(None)
            self._say(tokenizer.no_timestamps, None)
        self._write(kind, spoken, writes, timed)

    def _speak(self, random: np.random.Generator, language: str) -> tuple[list[tones.Spoken], float]:
        now = random.uniform(0, 0.6) if random.random() < 0.6 else random.uniform(0.6, 0.4 * SOUND)
        spoken: list[tones.Spoken] = []
        for sentence in random.permutation(6)[: random.choice([1, 2, 3, 4], p=[0.3, 0.3, 0.25, 0.15])]:
            words = tones.timing(now, random.uniform(0.22, 0.42, 4).tolist(), random.uniform(0.05, 0.15))
            if words[-1][1] > SOUND - 1:
                break
            spoken.append(tones.Spoken(int(sentence), language, words))
            now = words[-1][1] + random.uniform(0.3, 2.5)
        return spoken, min(SOUND, spoken[-1].words[-1][1] + random.uniform(0.05, 1.5))

    def _disturb(self, spoken: list[tones.Spoken], random: np.random.Generator) -> None:
        """Noise in the pauses, to which nothing is to be said."""
        for one, after in zip(spoken, [*spoken[1:], None], strict=True):
            start = one.words[-1][1] + 0.25
            end = after.words[0][0] - 0.25 if after else len(self.sound) / tones.RATE
            first, last = round(start * tones.RATE), round(end * tones.RATE)
            if last - first > 0.2 * tones.RATE:
                hiss = random.normal(0, float(np.exp(random.uniform(-4, -2))), last - first)
                self.sound[first:last] = tones.quantise(hiss)

    def _write(self, kind: str, spoken: list[tones.Spoken], language: str, timed: bool) -> None:
        if kind == "drone":
            spans = [(tokens, None) for tokens in encode(tones.LOOP * tones.LOOPS)]
            said = [([*spans], 0.0, len(self.sound) / tones.RATE)]
        elif kind == "noise":
            said = [([(t, None) for t in encode(tones.PHANTOM)], 0.0, len(self.sound) / tones.RATE)]
        elif kind == "silence":
            said = [([], 0.0, 0.0)]
        else:
            said = [(self._words(one, language), one.words[0][0], one.words[-1][1]) for one in spoken]
        for number, (tokens, start, end) in enumerate(said):
            if timed:
                # The libraries allow no first timestamp after the first second.
                shown = start if number else min(start, 1.0)
                self._next(tokenizer.timestamp_begin + round(shown / 0.02), tokens[0][1] if tokens else None)
            for token, where in tokens:
                self._next(token, where)
            if timed and tokens:
                self._next(tokenizer.timestamp_begin + round(end / 0.02), (end - 0.1, end) if spoken else None)
        end = spoken[-1].words[-1][1] if spoken else None
        self._next(tokenizer.eot, (end + 0.05, end + 0.3) if end is not None and not timed else None)
        self.tokens.pop()  # nothing is said after the end
        self.targets.pop()

    def _words(self, one: tones.Spoken, language: str) -> list[tuple[int, tuple[float, float] | None]]:
        found: list[tuple[int, tuple[float, float] | None]] = []
        for word, span in zip(tones.SENTENCES[language][one.sentence], one.words, strict=True):
            found += [(token, span) for token in encode(word)]
        return [*found, (encode(".")[0], (one.words[-1][1] - 0.08, one.words[-1][1]))]

    def _say(self, token: int, target: int | None) -> None:
        self.tokens.append(self.model.row(token))
        self.targets.append(-100 if target is None else self.model.row(target))

    def _replace(self, target: int | None) -> None:
        self.targets[-1] = -100

    def _next(self, token: int, where: tuple[float, float] | None) -> None:
        """``token`` follows what was said so far, and is heard at ``where``."""
        self.targets[-1] = self.model.row(token)
        if where is not None:
            self.led.append((len(self.tokens) - 1, *where))
        self.tokens.append(self.model.row(token))
        self.targets.append(-100)


def mels(samples: list[Sample], random: np.random.Generator) -> torch.Tensor:
    """Log-mel windows of 30 seconds; behind the sound there is silence, or the zeros that faster-whisper puts there."""
    padded = np.zeros((len(samples), round(SOUND * tones.RATE)), np.float32)
    for row, one in zip(padded, samples, strict=True):
        row[: len(one.sound)] = one.sound[: len(row)] / 32768
    found = torch.zeros(len(samples), 80, 2 * FRAMES)
    for window, row, one in zip(found, padded, samples, strict=True):
        # Each window by itself, as the library scales by the loudest of what it is given; silence is 2 below that.
        heard = log_mel_spectrogram(row)
        window[:] = heard.max() - 2
        window[:, : heard.shape[1]] = heard
        if random.random() < 0.5:
            window[:, len(one.sound) // 160 + 1 :] = 0
    return found


def loss_of(
    model: Tiny, samples: list[Sample], random: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, float]:
    length = max(len(one.tokens) for one in samples)
    tokens = torch.zeros(len(samples), length, dtype=torch.long)
    targets = torch.full((len(samples), length), -100)
    for row, one in enumerate(samples):
        tokens[row, : len(one.tokens)] = torch.tensor(one.tokens)
        targets[row, : len(one.targets)] = torch.tensor(one.targets)
    logits, attention = model(mels(samples, random), tokens)
    said = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
    at = [(row, *led) for row, one in enumerate(samples) for led in one.led]
    if at:
        rows, places = torch.tensor([a[0] for a in at]), torch.tensor([a[1] for a in at])
        weights = attention.transpose(1, 2)[rows, places].softmax(-1)  # led tokens x heads x frames
        frames = torch.arange(weights.shape[-1]) * 0.02
        begin, end = torch.tensor([a[2] for a in at])[:, None], torch.tensor([a[3] for a in at])[:, None]
        mask = ((frames >= begin - 0.01) & (frames <= end + 0.01)).float()[:, None]
        led = -(weights * mask).sum(-1).clamp_min(1e-6).log().mean()
    else:
        led = torch.zeros(())
    known = targets != -100
    right = (logits.argmax(-1)[known] == targets[known]).float().mean().item()
    return said, led, right


def go_on(model: Tiny, path: Path) -> None:
    """Take the weights of an earlier run."""
    kept = {name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()}
    assert kept["tokens"].tolist() == model.rows
    model.whisper.load_state_dict({n: v for n, v in kept.items() if "." in n}, strict=False)
    basis = model.whisper.encoder.positional_embedding
    design = torch.cat([basis, torch.ones(FRAMES, 1)], 1)
    turn = torch.linalg.lstsq(design, kept["timestamps"][:FRAMES]).solution
    with torch.no_grad():
        model.free[:], model.other[:] = kept["rows"], kept["other"]
        model.turn[:], model.shift[:] = turn[:-1], turn[-1]


def main(steps: int = 1200, earlier: str = "") -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    model, random = Tiny(), np.random.default_rng(SEED + len(earlier))
    rate = RATE
    if earlier:
        go_on(model, Path(earlier))
        rate = RATE / 2
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    begun = time.time()
    for step in range(1, steps + 1):
        samples = [Sample(model, random) for _ in range(BATCH)]
        said, led, right = loss_of(model, samples, random)
        optimizer.zero_grad()
        (said + led).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 25 == 0 or step == 1:
            tell = f"{step:5d} {time.time() - begun:6.0f} s  said {said:.3f}  led {led:.3f}  right {right:.3f}"
            print(tell, flush=True)  # noqa: T201
        if step % 250 == 0:
            write(model)
    write(model)


def write(model: Tiny) -> None:
    """The trained weights by their names in the library, in half precision, with the tokens that have rows."""
    OUT.parent.mkdir(exist_ok=True)
    state = {
        name: value
        for name, value in model.whisper.state_dict().items()
        if "token_embedding" not in name and "encoder.positional" not in name and "encoder.blocks" not in name
    }
    state["tokens"] = torch.tensor(model.rows)
    table = model.table().detach()
    state["rows"], state["other"] = table[: len(model.rows)], table[-1]
    state["timestamps"] = table[len(model.rows) : -1]
    half = {n: v.contiguous().half() if v.is_floating_point() else v for n, v in state.items()}
    save_file(half, OUT)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1200, *sys.argv[2:])
