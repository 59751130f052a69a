"""Language codes: files say ``en``, ``eng``, ``de``, ``ger`` or ``deu``; here they are compared."""

from __future__ import annotations

import re

# ISO 639-1 beside every three-letter code of the same language (639-2/B, 639-2/T). Languages that have only a
# three-letter code need no row: they are compared as they are written.
_TABLE = """
aa aar|ab abk|af afr|ak aka|am amh|ar ara|an arg|as asm|az aze|ba bak|be bel|bg bul|bm bam|bn ben|bo tib bod|bs bos
br bre|ca cat|ce che|co cos|cs cze ces|cv chv|cy wel cym|da dan|de ger deu|dv div|dz dzo|ee ewe|el gre ell|en eng
eo epo|es spa|et est|eu baq eus|fa per fas|ff ful|fi fin|fj fij|fo fao|fr fre fra|fy fry|ga gle|gd gla|gl glg|gn grn
gu guj|ha hau|he heb iw|hi hin|hr hrv scr|ht hat|hu hun|hy arm hye|ia ina|id ind in|ig ibo|is ice isl|it ita|iu iku
ja jpn jp|jv jav|ka geo kat|kk kaz|km khm|kn kan|ko kor|ku kur|ky kir|la lat|lb ltz|lg lug|ln lin|lo lao|lt lit|lv lav
mg mlg|mi mao mri|mk mac mkd|ml mal|mn mon|mr mar|ms may msa|mt mlt|my bur mya|nb nob|ne nep|nl dut nld|nn nno|no nor
ny nya|oc oci|or ori|pa pan|pl pol|ps pus|pt por pob|qu que|rm roh|ro rum ron mo mol|ru rus|rw kin|sa san|sd snd
se sme|si sin|sk slo slk|sl slv|sm smo|sn sna|so som|sq alb sqi|sr srp scc|st sot|su sun|sv swe|sw swa|ta tam|te tel
tg tgk|th tha|ti tir|tk tuk|tl tgl fil|tn tsn|to ton|tr tur|ts tso|tt tat|ug uig|uk ukr|ur urd|uz uzb|vi vie|vo vol
wo wol|xh xho|yi yid|yo yor|za zha|zh chi zho|zu zul
"""
_SHORT = {code: row.split()[0] for row in _TABLE.replace("\n", "|").split("|") if row for code in row.split()}
_MACRO = {"nb": "no", "nn": "no"}  # both are Norwegian to somebody who asks for Norwegian
_SHAPE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8}){0,3}")
_UNKNOWN = frozenset({"und", "mis", "mul", "zxx", "qaa", "xx", "unk"})

_NAMES = {
    code: name
    for row in """
    Arabic:ar Bengali:bn Bulgarian:bg Catalan:ca Chinese:zh Croatian:hr Czech:cs Danish:da Dutch:nl English:en
    Estonian:et Finnish:fi French:fr German:de Greek:el Hebrew:he Hindi:hi Hungarian:hu Icelandic:is Indonesian:id
    Irish:ga Italian:it Japanese:ja Korean:ko Latvian:lv Lithuanian:lt Norwegian:no Persian:fa Polish:pl Portuguese:pt
    Romanian:ro Russian:ru Serbian:sr Slovak:sk Slovenian:sl Spanish:es Swedish:sv Thai:th Turkish:tr Ukrainian:uk
    Urdu:ur Vietnamese:vi Welsh:cy
    """.split()
    for name, code in [row.split(":")]
}
_CODES = {name.casefold(): code for code, name in _NAMES.items()}


def name(code: str | None) -> str | None:
    """The English name of the language of a code, where it is one of the common ones."""
    return _NAMES.get(short(code) or "")


def coded(name: str) -> str | None:
    """The code of a language by its English name, whatever its case; None for what is no such name."""
    return _CODES.get(name.strip().casefold())


def known(code: str) -> bool:
    """True for a code that stands in the table: what a part of a file name must be to be taken for a language."""
    return bool(_SHAPE.fullmatch(code.lower())) and re.split("[-_]", code.lower())[0] in _SHORT


def tidy(code: str | None) -> str | None:
    """The code in lower case, or None where it says nothing (``und``) or is not shaped like a language code."""
    text = (code or "").strip().lower()
    return text if _SHAPE.fullmatch(text) and re.split("[-_]", text)[0] not in _UNKNOWN else None


def short(code: str | None) -> str | None:
    """The code as ISO 639-1 where the language has one there, without its country; None where it says nothing."""
    base = _base(code)
    return base if base is None else _MACRO.get(base, base)


def same(one: str | None, other: str | None) -> bool:
    """True when both name the same language, whatever the edition of ISO 639 and whatever the country."""
    a, b = short(one), short(other)
    return a is not None and a == b


def _base(code: str | None) -> str | None:
    tidied = tidy(code)
    if tidied is None:
        return None
    first = re.split("[-_]", tidied)[0]
    return _SHORT.get(first, first)
