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
    "ru": ("cp1251", "koi8-r"), "uk": ("cp1251",), "bg": ("cp1251",), "sr": ("cp1250", "cp1251"),
    "ja": ("cp932", "euc_jp"), "zh": ("gb18030", "big5"), "ko": ("cp949",), "el": ("cp1253",), "he": ("cp1255",), "ar": ("cp1256",),
    "fa": ("cp1256",), "tr": ("cp1254",), "th": ("cp874",), "vi": ("cp1258",), "pl": ("cp1250",), "cs": ("cp1250",),
    "sk": ("cp1250",), "hu": ("cp1250",), "ro": ("cp1250",), "hr": ("cp1250",), "sl": ("cp1250",), "lt": ("cp1257",),
    "lv": ("cp1257",), "et": ("cp1257",), "en": ("cp1252",), "de": ("cp1252",), "fr": ("cp1252",), "es": ("cp1252",),
    "it": ("cp1252",), "pt": ("cp1252",), "nl": ("cp1252",), "sv": ("cp1252",), "da": ("cp1252",), "no": ("cp1252",),
    "fi": ("cp1252",), "is": ("cp1252",),
}  # fmt: skip
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
    wide = _wide(data)
    names = [wide] if wide else ["utf-8", *_named(language)]
    for name in names:
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    guess = _guess(data)
    try:
        return data.decode(guess)
    except (UnicodeDecodeError, LookupError):
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


def _named(language: str | None) -> tuple[str, ...]:
    return next((names for code, names in _BY_LANGUAGE.items() if languages.same(code, language)), ())


def _guess(data: bytes) -> str:
    """By the lines that are not plain ASCII: times and tags would only blur the picture."""
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())[:_SAMPLE]
    best = from_bytes(telling).best()
    return best.encoding if best is not None else "cp1252"
