"""What a question asks for: its kind, the answer's type, the senses to search and the words to search for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vagent.agent.language.words import FRAME, ORDINALS, content, fold, stem, tokens
from vagent.agent.question.answer_types import STRICT, TYPE_WORDS, AnswerType, expected_type
from vagent.agent.question.hints import TimeHint, anchor, quotes, time_hint
from vagent.index.records import Kind

QuestionKind = Literal["speech", "text", "visual", "any"]
"""The sense a question is about; ``any`` where it does not say."""

Task = Literal[
    "find", "edge", "when", "count", "order", "neighbour", "at_time", "mention", "whole", "file", "slide", "which_video"
]
"""What has to be done with the evidence."""

SPOKEN: tuple[Kind, ...] = ("subtitle", "speech")
WRITTEN: tuple[Kind, ...] = ("screen_text",)
SEEN: tuple[Kind, ...] = ("objects", "caption", "visual")


@dataclass(frozen=True, slots=True)
class Plan:
    """A question understood by rules.

    Attributes:
        kind: the sense the question is about.
        visual: how many signs there are that only a look at the pictures can answer.
        task: what to do with the evidence.
        expects: the type of the answer.
        words: stems that the evidence ought to hold, rarest knowledge first come from elsewhere; order of the question.
        queries: texts to search for, per kinds of evidence (None: all).
        quoted: strings in quotation marks.
        hint: the stretch of time that the question names.
        items: things to be put in order, or looked for, where the question lists them.
        text_itself: the question asks for the wording of on-screen text, whatever it says.
        head: stem of what is counted, in "how many ...".
        edge: ``first`` or ``last`` when the question asks for that one.
        relation: ``after`` or ``before`` for neighbours.
        anchor: the line whose neighbour is asked for, in the words of a question that does not quote it.
    """

    question: str
    kind: QuestionKind
    visual: int
    task: Task
    expects: AnswerType
    words: tuple[str, ...]
    queries: tuple[tuple[str, tuple[Kind, ...] | None], ...]
    quoted: tuple[str, ...] = ()
    hint: TimeHint | None = None
    items: tuple[str, ...] = ()
    text_itself: bool = False
    head: str | None = None
    edge: Literal["first", "last"] | None = None
    relation: Literal["after", "before"] | None = None
    anchor: str | None = None

    @property
    def kinds(self) -> tuple[Kind, ...] | None:
        """Kinds of evidence that the question is about, None for all."""
        return {"speech": SPOKEN, "text": WRITTEN, "visual": SEEN, "any": None}[self.kind]


_SPEECH = re.compile(
    r"\b(?:sa(?:y|ys|id|ying)|sp(?:eak|eaks|eaking|oke|oken)|speaker|narrat\w+|voice|dialogue|tells?|told"
    r"|ask(?:s|ed)?|repl(?:y|ies|ied)"
    r"|answers?|answered|mention\w*|talk\w*|announce\w*|shout\w*|whisper\w*|lecturer|caller|conversation"
    r"|explains?|explained"
    r"|joke[sd]?|recommend\w*|offer(?:s|ed)?|suggest\w*|promise[sd]?|claims?|greet\w*|hear[ds]?|interview\w*"
    r"|commentator|according to the (?:speech|dialogue))\b",
    re.I,
)
_TEXT = re.compile(
    r"\b(?:on-?screen text|on (?:the )?screen|text|captions?|captioned|overlays?|written|titles?|credits?|slides?"
    r"|heading|headline|bullet|sign|poster|banner|label"
    r"|letters?|reads?|logo|watermark|web ?address|url|website|e-?mail|printed|typed|board|page|menu|letters"
    r"|spelled|card|inscription|whiteboard)\b",
    re.I,
)
_SUBTITLE = re.compile(r"\bsubtitles?\b", re.I)
_VISUAL = re.compile(
    r"\b(?:colou?rs?|wear(?:s|ing)?|looks? like|hold(?:s|ing)?|carr(?:y|ies|ying)|sit(?:s|ting)?|stand(?:s"
    r"|ing)?|walk(?:s|ing)?|run(?:s|ning)?"
    r"|visible|in view|in the picture|foreground|background|behind|left side|on the left|on the right"
    r"|close-?up|camera|animals?|birds?"
    r"|vehicles?|cars?|hats?|hair|beard|jacket|shirt|dress|uniform|glasses|jump\w*|dance\w*|drive[sn]?"
    r"|driving|play(?:s|ing)? with|picks? up|put(?:s)?"
    r"|throws?|falls?|land(?:s|ed)?|lands? on|clothes|dressed|gesture|smil\w+|facial|black and white|weather"
    r"|room|scenery|landscape"
    r"|light(?:ing)?|shape|direction|upwards|downwards|swims?|fl(?:y|ies|ying)|seen|hands?|face|people are"
    r"|how many (?:people|men|women|children|persons|dogs|cats|cars|birds|horses))\b",
    re.I,
)

_TEXT_ITSELF = re.compile(
    r"\b(?:what|which)\b(?: \w+){0,3}? (?:text|titles?|words?|headings?|letters?|sign|caption|name|phrase|sentence"
    r"|message|label|logo|inscription)\b|\bwhat (?:\w+ )?(?:is|does|do|can|was)\b.*\b(?:written|read|says?)\b",
    re.I,
)
_SEEN_WHILE = re.compile(
    r"\bwhat (?:is|was|can be) (?:being |to be )?(?:shown|seen|on (?:the )?screen|visible|in the picture)\b.*"
    r"\b(?:while|when|during|as|before|after)\b|\bduring which (?:picture|scene|shot|image)\b",
    re.I,
)
_FILE = re.compile(
    r"\b(?:audio|sound|subtitle|video|caption)\s+(?:tracks?|streams?)\b|\b(?:which|what|how many) (?:audio "
    r"|subtitle )?languages?\b.*\b(?:tracks?|subtitles?|audio|file|available)\b"
    r"|\bsubtitle languages?\b|\b(?:resolution|frame ?rate|fps|codecs?|container|file (?:size|format|type)"
    r"|bit ?rate|aspect ratio|how big is the file)\b"
    r"|\bhow long (?:is|does) (?:the|this) (?:video|film|movie|file|clip|recording|whole (?:video|film|thing))\b"
    r"|\b(?:duration|length|running time|runtime) of the (?:video|film|movie|file|clip|recording)\b",
    re.I,
)
_WHOLE = re.compile(
    r"\b(?:summari[sz]e|summary|overview|what is (?:the|this) (?:video|film|movie|clip|recording|lecture"
    r"|talk) about|main (?:topic|subject|idea|point)s?"
    r"|what happens in (?:the|this) (?:video|film|movie)|tell me about (?:the|this) (?:video|film)|what is it about"
    r"|describe the (?:video|film|movie))\b",
    re.I,
)
_LIBRARY = re.compile(
    r"\b(?:in )?(?:which|what) (?:of the )?(?:videos?|films?|movies?|recordings?|clips?|files?|episodes?|lectures?)\b",
    re.I,
)
_SHOWN_WHEN = re.compile(
    r"\b(?:(?:at )?(?:what|which) (?:time|moment|point|minute|second|timestamp)s?|when|during which (?:interval"
    r"|time|part|minutes?|stretch)|how (?:far|long) into|where in the (?:video|film))\b",
    re.I,
)
_ON_SCREEN = re.compile(
    r"\b(?:shown?|appears?|displayed|visible|on screen|mention(?:s|ed)?|said|says?|spoken|heard|seen|occurs?"
    r"|in the (?:video|film|clip|recording)|talk(?:s|ed)? about"
    r"|scene|shot|slide|card|caption|title|text|word|sentence|phrase|explained?|introduced?|discuss(?:ed"
    r"|es)?|interval|timestamp|take place)\b",
    re.I,
)
_WHICH_FIRST = re.compile(
    r"\b(?:which|what|who|whom)\b.*\b(?:first|earlier|earliest|sooner|before|last|later|latest)\b", re.I
)
_ORDERING = re.compile(
    r"\border (?:these|the following|of these)\b|\bin (?:which|what) order\b|\bin the order\b|\bput .* in order\b", re.I
)
_SLIDE = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|last|final|next)\s+(?:slide|title card|page)\b|\bslide \d+\b"
    r"|\bwhen (?:does|do|did) the (?:slides?|page) change\b",
    re.I,
)
_FIRST_LINE = re.compile(
    r"\b(?:what|which)\b.*\b(?:very )?(?:first|last|opening|final|closing)\s+(?:\w+\s+){0,2}?(?:lines?"
    r"|words?|sentence|subtitle|caption|cue|phrase|utterance|text|thing (?:said|spoken))\b"
    r"|\bwhat (?:is|was) (?:said|spoken|written|shown as text) (?:first|last)\b",
    re.I,
)
_HOW_OFTEN = re.compile(r"\bhow (?:many times|often)\b", re.I)
_COUNT = re.compile(
    r"\bhow many\b.*\b(?:captions?|captioned|overlays?|titles?|slides?|signs?"
    r"|lines?|cues?|subtitles|bullet points?|bullets|labels?|cards?)\b",
    re.I,
)
_MENTION = re.compile(
    r"^\s*(?:is|are|was|were|does|do|did|has|have)\b.*\b(?:mention(?:ed|s)?|talk(?:ed|s)? about|say|said"
    r"|named?|spoken|appear|shown|refer)\b",
    re.I,
)
_YES_NO = re.compile(r"^\s*(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|should)\s", re.I)
_NEIGHBOUR = re.compile(
    r"\b(?:directly |immediately |right |just |straight )?(?P<way>after|following|before|preceding)\b"
    r"|\b(?P<reply>(?:the )?(?:answer|reply|response)s?\s+to|(?:answers?|repl(?:y|ies)|responds?) (?:to"
    r"|when)|comes next|follows?)\b",
    re.I,
)
_EDGE = re.compile(
    r"\b(?P<first>first|opening)\b(?!\s+name)|\b(?P<last>last|final|closing)\b(?!\s+(?:name|year|week"
    r"|month|night|time (?:he|she|they|i|we|you)))",
    re.I,
)


def understand(question: str, *, videos: int = 1, duration: float = 0.0, choices: tuple[str, ...] = ()) -> Plan:
    """The plan for a question.

    Args:
        videos: how many videos are asked.
        duration: seconds of the (longest) video.
        choices: options of a multiple-choice question; used as items to look for, never to guess the answer.
    """
    quoted = quotes(question)
    hint = time_hint(question, duration)
    expects = expected_type(question)
    task = _task(question, expects, quoted, hint, videos)
    kind, visual = _kind(question, expects)
    words = _words(question, expects)
    edge = _EDGE.search(question)
    return Plan(
        question=question,
        kind=kind,
        visual=visual,
        task=task,
        expects=expects,
        words=words,
        queries=_queries(question, kind, quoted, words),
        quoted=quoted,
        hint=hint,
        items=_items(question, quoted, choices) if task == "order" else (),
        text_itself=kind == "text" and expects not in STRICT and _TEXT_ITSELF.search(question) is not None,
        head=_head(question),
        edge=None if edge is None else ("first" if edge.group("first") else "last"),
        relation=_relation(question),
        anchor=anchor(question),
    )


def _task(question: str, expects: AnswerType, quoted: tuple[str, ...], hint: TimeHint | None, videos: int) -> Task:
    if _FILE.search(question):
        return "file"
    if _WHOLE.search(question):
        return "whole"
    if videos > 1 and _LIBRARY.search(question):
        return "which_video"
    if _SLIDE.search(question):
        return "slide"
    if _FIRST_LINE.search(question) and not quoted:
        return "edge"
    if _ORDERING.search(question) or (_WHICH_FIRST.search(question) and len(_items(question, quoted, ())) > 1):
        return "order"
    if _COUNT.search(question) or (_HOW_OFTEN.search(question) and _ON_SCREEN.search(question)):
        return "count"
    if _SHOWN_WHEN.search(question) and _ON_SCREEN.search(question) and not _starts_otherwise(question):
        return "when"
    if _NEIGHBOUR.search(question) and (quoted or anchor(question)):
        return "neighbour"
    if (
        hint is not None
        and hint.strict
        and (expects == "quote" or not content(_without_times(question)) or _TEXT_ITSELF.search(question))
    ):
        return "at_time"
    if _MENTION.search(question):
        return "mention"
    return "find"


def _starts_otherwise(question: str) -> bool:
    """ "Where does he go when the text appears" asks where, not when."""
    first = re.search(r"\b(what|which|who|whom|whose|where|when|why|how|during)\b", question, re.I)
    if first is None or first.group(1).lower() in ("when", "during"):
        return False
    return not re.match(
        r"(?:at )?(?:what|which) (?:time|moment|point|minute|second|timestamp)|where in the|how (?:far|long) into",
        question[first.start() :],
        re.I,
    )


def _kind(question: str, expects: AnswerType) -> tuple[QuestionKind, int]:
    speech = len(_SPEECH.findall(question)) + (2 if _SUBTITLE.search(question) else 0)
    text = len(_TEXT.findall(question)) + (2 if expects in ("url", "email") else 0)
    visual = len(_VISUAL.findall(question))
    if _SEEN_WHILE.search(question):
        return "visual", 3
    if speech > text:
        # "What does the woman in red say?" is about what is said; how she looks only tells her from others.
        return "speech", 0
    if text:
        return "text", 0 if expects == "quote" or _TEXT_ITSELF.search(question) else visual
    return ("visual" if visual else "any"), visual


def _words(question: str, expects: AnswerType) -> tuple[str, ...]:
    plain = _without_times(question)
    covered = TYPE_WORDS.get(expects, frozenset())
    return tuple(w for w in content(plain) if w not in covered)


def _head(question: str) -> str | None:
    match = re.search(
        r"\bhow many (?:different |of (?:the|his|her|these|those) |other |more )?(?:\w+ing )?([^\W\d_]+)",
        question,
        re.I,
    )
    if match is None:
        return None
    word = fold(match.group(1))
    return stem(word) if word in ("people", "persons", "men", "women") or word not in FRAME else None


def _without_times(question: str) -> str:
    return re.sub(
        r"\b\d+(?:[.,:]\d+)*\s*(?:s|sec|secs|seconds?|min|minutes?)\b|\b\d{1,2}:\d{2}(?::\d{2})?\b", " ", question
    )


def _queries(
    question: str, kind: QuestionKind, quoted: tuple[str, ...], words: tuple[str, ...]
) -> tuple[tuple[str, tuple[Kind, ...] | None], ...]:
    queries: list[tuple[str, tuple[Kind, ...] | None]] = [(question, None)]
    if kind == "speech":
        queries.append((question, SPOKEN))
    elif kind == "text":
        queries.append((question, WRITTEN))
    queries += [(quote, None) for quote in quoted if content(quote, frame=True)]
    plain = " ".join(t for t in tokens(question) if stem(t) in words)
    if plain and len(words) >= 2:
        queries.append((plain, None))
    return tuple(queries)


def _relation(question: str) -> Literal["after", "before"] | None:
    match = _NEIGHBOUR.search(question)
    if match is None:
        return None
    return "before" if (match.group("way") or "").lower() in ("before", "preceding") else "after"


def _items(question: str, quoted: tuple[str, ...], choices: tuple[str, ...]) -> tuple[str, ...]:
    if len(quoted) >= 2:
        return quoted
    tail = re.split(r"[:]\s*|\bfirst,\s*|\bearlier,\s*|\blast,\s*|\blater,\s*", question, maxsplit=1)
    listed = tail[1] if len(tail) > 1 else ""
    parts = [p.strip(" .?!") for p in re.split(r",\s*(?:or |and )?|\s+or\s+|;\s*", listed) if p.strip(" .?!")]
    if len(parts) >= 2:
        return tuple(parts)
    return tuple(choices) if choices and all(ORDINALS.keys().isdisjoint(tokens(c)) for c in choices) else ()
