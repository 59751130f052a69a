"""Which type of answer a question expects, told by its wording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

from vagent.agent.language.values import ValueType
from vagent.agent.language.words import stem

AnswerType = (
    ValueType
    | Literal[
        "when",
        "person",
        "named",
        "length",
        "amount",
        "who",
        "place",
        "quote",
        "list",
        "yes_no",
        "choice",
        "reason",
        "manner",
        "free",
    ]
)
"""What an answer has to be: a value that can be recognised, or something freer."""

STRICT: frozenset[AnswerType] = frozenset(get_args(ValueType)) - {"introduced", "full_name", "proper"} | {
    *("person", "named", "length")
}
"""Types whose values can be recognised: without one in the evidence there is no answer."""

_TYPES: tuple[tuple[AnswerType, str], ...] = (
    ("email", r"\be-?mail(?: address)?\b|\bmail address\b"),
    ("url", r"\b(?:url|web ?site|web ?address|web ?page|internet address|web link|domain)\b"),
    (
        "phone",
        r"\b(?:(?:tele)?phone|fax|mobile)\s*number\b|\bnumber of the hotline\b|\bhotline\b|\bnumber (?:should"
        r"|can|to) \w+ (?:call|dial)|\bwhat number .*\b(?:call|dial|ring)\b",
    ),
    ("age", r"\bhow old\b|\bwhat age\b|\bage (?:is|was|of)\b"),
    (
        "money",
        r"\b(?:prices?|cost|costs|fee|fare|salary|budget|rent)\b.*\?|\bhow much (?:money\b|(?:does|do|did|is"
        r"|was|are|will|would)\b.*\b(?:cost|pay|paid|charge|worth|ticket|earn|it)\b)",
    ),
    ("percent", r"\b(?:per ?cent|percentage|what share|what proportion|what fraction)\b"),
    ("weekday", r"\b(?:which|what|on what|on which) (?:day of the week|weekday)\b"),
    ("year", r"\b(?:which|what|in what|in which) years?\b|\bas the year\b"),
    ("month", r"\b(?:which|what) months?\b"),
    (
        "date",
        r"\b(?:what|which|the|release|birth|opening|launch|due|on what) dates?\b|\b(?:which|what) days?\b"
        r"|\bwhat (?:century|decade|season)\b",
    ),
    ("when", r"\bwhen\b"),
    ("clock", r"\b(?:what|which) (?:time|hour)\b|\bat what hour\b"),
    ("length", r"\bhow long (?:is|are|was|were) (?:the|this|that|a|an)\b"),
    (
        "duration",
        r"\bhow long\b|\bhow much time\b|\bhow many (?:seconds|minutes|hours|days|weeks|months|years|nights)\b"
        r"|\bfor how (?:many"
        r"|long)\b",
    ),
    (
        "measure",
        r"\bhow (?:tall|high|far|heavy|deep|fast|wide|big|large|hot|cold|thick|strong|much (?:does|do) .* weigh)\b"
        r"|\b(?:temperature|height|weight|speed|distance|width|depth|altitude|in metres|in meters)\b",
    ),
    ("amount", r"\bhow much\b"),
    ("colour", r"\bcolou?rs?\b"),
    (
        "code",
        r"\b(?:access |pin |post |postal |zip |promo |discount |door )?"
        r"(?:(?:post|zip|bar|pass)?code|pin|password|passcode|combination)\b"
        r"|\b(?:licen[cs]e|number|registration) plate\b|\b(?:flight|room|platform|model|serial|gate|bus|train"
        r"|order|ticket|track|page|channel|version|apartment|flat|extension)\s+number\b",
    ),
    ("number", r"\bhow many\b|\b(?:what|which) numbers?\b|\bthe number of\b|\bwhat (?:score|total|count)\b"),
    (
        "person",
        r"(?:'s|’s|\bhis|\bher|\btheir|\byour|\bhis or her)\s+(?:\w+\s+)?(?:\bname|surname)\b|\bname of (?:the"
        r"|this|that|his|her)\s+(?:\w+\s+){0,2}?(?:man|woman|boy|girl|child|person|speaker|narrator|presenter"
        r"|host|teacher|technician|professor|lecturer|actor|actress|director|author|writer|singer|caller|driver"
        r"|doctor|nurse|waiter|waitress|chef|coach|player|guest|neighbou?r|son|daughter|husband|wife|mother"
        r"|father|brother|sister|friend|boss|assistant|agent|officer|policeman|captain|pilot|guide|artist"
        r"|composer|student|baker|farmer|customer|king|queen)\b|\b(?:family|last|first|maiden|full|middle) name\b"
        r"|\bsurname\b|\bwhat (?:is|was|are) .*\bcalled\b.*\b(?:man|woman|boy|girl)\b",
    ),
    (
        "named",
        r"\bnames? of (?:the|this|that|his|her|their)\b|(?:'s|’s)\s+name\b|\btitle of (?:the|his|her|this"
        r"|their) (?:book|song|film|movie|novel|poem|album|play|painting|paper|article|ship|series|game)\b",
    ),
    ("yes_no", r"^\s*(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|should)\s"),
    (
        "who",
        r"\bwho(?:m|se)?\b|\b(?:which|what) (?:person|actor|actress|professor|singer|author|director|president"
        r"|speaker|player|artist|scientist|king|queen|writer|poet|composer)\b",
    ),
    (
        "place",
        r"\bwhere\b|\b(?:which|what|name of the) (?:\w+ )?(?:city|town|country|state|street|village|place"
        r"|location|continent|region|island|room|building|river|mountain|airport|station|park|museum|restaurant"
        r"|hotel|stadium|university|school|hospital|address|capital|county|lake|harbou?r|beach|planet)\b",
    ),
    ("reason", r"\bwhy\b|\bfor what reason\b|\bwhat (?:is|was) the reason\b|\bhow come\b"),
    ("manner", r"^\s*(?:and |but )?(?:how|in what way)\s+(?:does|do|did|can|could|should|is|are|was|were|to)\b"),
    (
        "list",
        r"\b(?:which|what|name|list)(?: the)? (?:two|three|four|five|six|seven|\d+)\b|\blist (?:all|the)\b"
        r"|\bname (?:all|the)\b",
    ),
    (
        "quote",
        r"\bwhat (?:\w+ ){0,3}?(?:does|do|did|is|was) .*\b(?:say|said|read|written|shout|reply|answer|exclaim"
        r"|ask)\b|\b(?:which|what) (?:word|words|phrase|sentence|line|text|message|slogan|motto|title|heading"
        r"|question)\b|\bsay in full\b",
    ),
)
_WHY = re.compile(r"^\s*(?:and |but )?(?:why|how come|for what reason)\b", re.I)
_COMPILED = tuple((name, re.compile(pattern, re.I)) for name, pattern in _TYPES)

_WORDS: Mapping[AnswerType, str] = {
    "email": "e mail email address contact",
    "url": "url web website site address page link domain internet visit",
    "phone": "telephone phone number call mobile fax",
    "age": "old age",
    "money": "price prices cost costs much money pay paid quote quoted",
    "percent": "percent percentage share proportion fraction",
    "weekday": "day week weekday",
    "year": "year years",
    "month": "month months",
    "date": "date day dates",
    "clock": "time hour",
    "duration": "long minutes hours seconds days weeks months years time take takes took last lasts",
    "measure": "tall high height far deep heavy weight weigh fast speed temperature metres wide big large distance"
    " measure degrees much",
    "colour": "colour color colours colors",
    "code": "number",
    "number": "number many count",
    "person": "name surname",
    "named": "name title",
    "length": "long length",
    "amount": "much amount",
    "who": "person",
    "place": "place location located",
    "reason": "reason",
    "list": "two three four five six",
    "quote": "word phrase sentence message",
}

TYPE_WORDS: Mapping[AnswerType, frozenset[str]] = {
    name: frozenset(stem(w) for w in words.split()) for name, words in _WORDS.items()
}
"""Stems that a question uses to say which type it wants; a value of that type makes up for them."""


def expected_type(question: str) -> AnswerType:
    """The type of answer that a question expects; ``free`` when it does not say."""
    if _WHY.search(question):
        return "reason"  # "why do they lose their colour" asks for no colour
    for name, pattern in _COMPILED:
        if pattern.search(question):
            return name
    if re.search(r"\w\s*[:,]\s*[^?]*\bor\b[^?]*\?", question):
        return "choice"
    return "free"
