"""Which languages the text engines read: a network of EasyOCR's reads one script, RapidOCR's bundled one reads several.

Languages are ISO 639-1 codes here, or three letters where a language has no shorter code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vagent.errors import SettingsError
from vagent.tools.languages import same

DETECTOR = "craft_mlt_25k.pth"
"""The file of EasyOCR's detector, which is the same for all scripts."""

_SIMPLIFIED = "zh"
_TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "zh-mo")


@dataclass(frozen=True, slots=True)
class Network:
    """One of EasyOCR's recognisers.

    Attributes:
        name: its key in EasyOCR's table.
        generation: 1 or 2, the architecture.
        file: its weights.
        languages: ISO code and, where it differs, ``=`` EasyOCR's own code. English is read by all of them.
    """

    name: str
    generation: int
    file: str
    languages: str

    @property
    def codes(self) -> dict[str, str]:
        """ISO code -> EasyOCR's code."""
        pairs = (entry.partition("=") for entry in self.languages.split())
        return {iso: own or iso for iso, _, own in pairs}


_ENGLISH = Network("english_g2", 2, "english_g2.pth", "en")
_LATIN = (
    "af az bs cs cy da de en es et fr ga hr hu id is it ku la lt lv mi ms mt nl no oc pi pl pt ro sr-latn=rs_latin sk"
    " sl sq sv sw tl tr uz vi"
)
_CYRILLIC = "ru sr=rs_cyrillic be bg uk mn tg=tjk av=ava ce=che abq ady kbd dar inh lbe lez tab"  # tab: Tabasaran
NETWORKS: tuple[Network, ...] = (
    Network("latin_g2", 2, "latin_g2.pth", _LATIN),
    Network("cyrillic_g2", 2, "cyrillic_g2.pth", _CYRILLIC),
    Network("arabic_g1", 1, "arabic.pth", "ar fa ug ur"),
    Network("devanagari_g1", 1, "devanagari.pth", "hi mr ne bh mai bho mag=mah new gom sck"),
    Network("bengali_g1", 1, "bengali.pth", "bn as"),
    Network("zh_sim_g2", 2, "zh_sim_g2.pth", f"{_SIMPLIFIED}=ch_sim"),
    Network("zh_tra_g1", 1, "chinese.pth", f"{_TRADITIONAL[0]}=ch_tra"),
    Network("japanese_g2", 2, "japanese_g2.pth", "ja"),
    Network("korean_g2", 2, "korean_g2.pth", "ko"),
    Network("thai_g1", 1, "thai.pth", "th"),
    Network("tamil_g1", 1, "tamil.pth", "ta"),
    Network("telugu_g2", 2, "telugu.pth", "te"),
    Network("kannada_g2", 2, "kannada.pth", "kn"),
)

_BUNDLED = (
    "af az bs ca cs cy da de en es et eu fi fr fy ga gd gl hr ht hu ia id is it ja jv ku la lb lt lv mg mi ms mt nl no"
    " oc pl pt rm ro sk sl sm sn so sq st su sv sw tk tl tn to tr ts uz wo xh zh zu"
)


def network(languages: Sequence[str]) -> tuple[Network, list[str]]:
    """EasyOCR's network that reads all of some languages, and its own codes for them.

    Raises:
        SettingsError: a language that none reads, or languages that no single one reads.
    """
    wanted = [(code, _find(code)) for code in dict.fromkeys(languages)]
    for code, found in wanted:
        if found is None:
            raise SettingsError("easyocr does not read this language", code, allowed=" ".join(_known()))
    others = {found[0].name: found[0] for _, found in wanted if found is not None and found[1] != "en"}
    if len(others) > 1:
        raise SettingsError(
            "easyocr reads languages of one script at a time",
            ", ".join(languages),
            allowed="English and languages of one script",
        )
    codes = [found[1] for _, found in wanted if found is not None]
    return next(iter(others.values()), _ENGLISH), codes


def not_bundled(languages: Iterable[str]) -> list[str]:
    """Those of some languages that RapidOCR's bundled network does not read: it knows Latin letters without the
    stacked accents of Vietnamese, Chinese and Japanese."""
    known = _BUNDLED.split()
    return [code for code in dict.fromkeys(languages) if not any(same(code, one) for one in known)]


def _find(code: str) -> tuple[Network, str] | None:
    """The network of a language, and its own code for it."""
    plain = code.strip().lower().replace("_", "-")
    special = dict.fromkeys(_TRADITIONAL, _TRADITIONAL[0]) | {"sr-latn": "sr-latn"}
    for one in NETWORKS:
        for iso, own in one.codes.items():
            if iso == special[plain] if plain in special else "-" not in iso and same(iso, plain):
                return one, own
    return None


def _known() -> list[str]:
    return sorted(iso for one in NETWORKS for iso in one.codes)
