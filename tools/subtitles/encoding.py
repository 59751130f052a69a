"""The text of a file whose encoding nobody wrote down."""

from __future__ import annotations

import codecs

from vagent.tools import languages

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What files in these languages were written in before UTF-8, tried first where the language is known.
_BY_LANGUAGE = {
    "cp1252": "en de fr es it pt nl sv da no fi is",
    "cp1250": "pl cs sk hu ro hr sl",
    "cp1251": "ru uk bg mk be",
    "koi8_r": "ru",
    "cp1253": "el",
    "cp1254": "tr",
    "cp1255": "he",
    "cp1256": "ar fa ur",
    "cp1257": "lt lv et",
    "cp1258": "vi",
    "cp874": "th",
    "cp932": "ja",
    "euc_jp": "ja",
    "gb18030": "zh",
    "big5": "zh",
    "cp949": "ko",
}
_ALIKE = 0.1  # difference in coherence (0..1) that says nothing
_SAMPLE = 16_384  # bytes looked at to guess an encoding


def decode(data: bytes, language: str | None = None) -> str:
    """The text: by byte order mark, as UTF-8, as UTF-16 without a mark, by language, by guess, at last as cp1252.

    Line ends become ``\\n``; bytes that mean nothing become U+FFFD.
    """
    text = _decoded(data, language)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decoded(data: bytes, language: str | None) -> str:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, errors="replace")
    for name in [_wide(data) or "utf-8", _guess(data, _likely(language)), _guess(data, [])]:
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", errors="replace")


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark shows in zero bytes at every second place."""
    sample = data[:_SAMPLE]
    if len(sample) < 4:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > len(sample) // 5 and even < odd // 4:
        return "utf-16-le"
    return "utf-16-be" if even > len(sample) // 5 and odd < even // 4 else None


def _likely(language: str | None) -> list[str]:
    return [name for name, codes in _BY_LANGUAGE.items() if any(languages.same(c, language) for c in codes.split())]


def _guess(data: bytes, among: list[str]) -> str:
    """By the lines that are not plain ASCII: times and tags would only blur the picture."""
    from charset_normalizer import from_bytes

    if len(among) == 1:
        return among[0]
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())[:_SAMPLE]
    matches = from_bytes(telling, cp_isolation=among or None)
    best = matches.best()
    if best is None:
        return "cp1252"
    # Windows Latin is by far the most common of those that fit about as well.
    alike = [m for m in matches if m.chaos <= best.chaos and m.coherence >= best.coherence - _ALIKE]
    return "cp1252" if any("cp1252" in m.could_be_from_charset for m in alike) else best.encoding
