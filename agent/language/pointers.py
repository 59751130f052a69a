"""Small words that tell of a place or a time, or stand for what was named before, in the languages of ``tongues``."""

from __future__ import annotations

import re

POINTING = frozenset(
    "it its he his him she her they their them this that these those there here one i me my we our us you your such"
    " both er sie es ihn ihm ihr ihre sein seine dies diese dieser das dort wir il elle ils elles lui leur son sa ses"
    " ce cela cette ça nous el ella ello ellos su sus lo la esto eso esa ese egli lui lei loro suo sua questo questa"
    " ele ela isso hij zij het zijn haar dit dat".split()
)
"""Words by which a sentence speaks of what another one names."""

PERSONS = frozenset("i we he she they you me us him them here there nobody somebody everybody".split())
"""Words that can be an answer to "who" or "where" by themselves."""

_WHERE = re.compile(
    r"\b(?:in|inside|into|at|on|onto|under|behind|beside|beneath|below|above|near|next to|opposite|between|from|to"
    r"|towards|via|outside|upstairs|downstairs|here|there|everywhere|nowhere|home|abroad|north|south|east|west"
    r"|im|am|an|auf|bei|beim|nach|aus|unter|hinter|neben|vor|zu|zum|zur|hier|dort|oben|unten"
    r"|dans|sur|sous|chez|à|au|aux|en|vers|devant|derrière|ici|là|del?|da|dal|nel|nella|sul|sulla|em|no|na|op|naar"
    r"|uit)\b",
    re.I,
)
_WHEN = re.compile(
    r"\b(?:after|before|until|till|since|when|while|during|ago|soon|now|then|later|early|late|morning|afternoon"
    r"|evening|night|noon|midnight|dawn|dusk|weekends?|spring|summer|autumn|winter|every|once|always|never|today"
    r"|tonight|nach|vor|bis|seit|als|wenn|während|bald|jetzt|dann|später|früh|spät|morgens?|abends?|nachts?|heute"
    r"|gestern|après|avant|depuis|quand|lorsque|pendant|bientôt|maintenant|demain|hier|aujourd'hui|matin|soir|nuit"
    r"|tard|tôt|después|antes|desde|cuando|luego|mañana|ayer|hoy|noche|dopo|prima|quando|domani|ieri|oggi|mattina"
    r"|sera|depois|amanhã|ontem|hoje|manhã|daarna|sinds|toen|gisteren|vandaag)\b",
    re.I,
)
_BEFORE_PLACE = re.compile(
    r"(?:,|\b(?:in|inside|into|at|near|from|to|towards|of|via|outside|left|reach(?:ed)?|visit(?:ed)?|through|around"
    r"|behind|opposite|on|leaving|by|im|am|an|auf|bei|nach|aus|à|au|en|chez|de|vers|a|em|op|te|naar|uit))\s+"
    r"(?:(?:the|a|an|its|der|die|das|den|dem|la|le|el|il|lo|o)\s+|l['’])?(?:[^\W\d_]+\s+)?$",
    re.I,
)


def tells_where(text: str) -> bool:
    """Whether a text has any word of place: without one it cannot answer "where"."""
    return _WHERE.search(text) is not None


def tells_when(text: str) -> bool:
    """Whether a text has any word of time, beside dates and clocks."""
    return _WHEN.search(text) is not None


def leads_to_place(before: str) -> bool:
    """Whether what stands before a name makes it that of a place: "in", "at the", a comma ..."""
    return _BEFORE_PLACE.search(before) is not None
