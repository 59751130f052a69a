"""Wordings by which a question shows what it is about and what has to be done."""

from __future__ import annotations

import re

from vagent.agent.language.words import NUMBERS, ORDINALS

SPEECH = re.compile(
    r"\b(?:sa(?:y|ys|id|ying)|sp(?:eak|eaks|eaking|oke|oken)|speaker|narrat\w+|voice|dialogue|tells?|told"
    r"|ask(?:s|ed)?|repl(?:y|ies|ied)"
    r"|answers?|answered|mention\w*|talk\w*|announce\w*|shout\w*|whisper\w*|lecturer|caller|conversation"
    r"|explains?|explained"
    r"|joke[sd]?|recommend\w*|offer(?:s|ed)?|suggest\w*|promise[sd]?|claims?|greet\w*|hear[ds]?|interview\w*"
    r"|commentator|according to the (?:speech|dialogue))\b",
    re.I,
)
TEXT = re.compile(
    r"\b(?:on-?screen text|on (?:the )?screen|text|captions?|captioned|overlays?|written|titles?|credits?|slides?"
    r"|heading|headline|bullet|sign|poster|banner|label"
    r"|letters?|reads?|logo|watermark|web ?address|url|website|e-?mail|printed|typed|board|page|menu|letters"
    r"|spelled|card|inscription|whiteboard)\b",
    re.I,
)
SUBTITLE = re.compile(r"\bsubtitles?\b", re.I)
VISUAL = re.compile(
    r"\b(?:colou?rs?|wear(?:s|ing)?|looks? like|hold(?:s|ing)?|carr(?:y|ies|ying)|sit(?:s|ting)?|stand(?:s"
    r"|ing)?|walk(?:s|ing)?|run(?:s|ning)?"
    r"|visible|in view|in the picture|foreground|background|behind|left side|on the left|on the right"
    r"|close-?up|camera|animals?|birds?"
    r"|vehicles?|cars?|hats?|hair|beard|jacket|shirt|dress|uniform|glasses|jump\w*|dance\w*|drive[sn]?"
    r"|driving|play(?:s|ing)? with|picks? up|put(?:s)?"
    r"|throws?|falls?|land(?:s|ed)?|lands? on|clothes|dressed|gesture|smil\w+|facial|black and white|weather"
    r"|room|scenery|landscape"
    r"|light(?:ing)?|shape|direction|upwards|downwards|swims?|fl(?:y|ies|ying)|seen|hands?|face|people are"
    r"|how many (?:people|men|women|children|persons|dogs|cats|cars|birds|horses)"
    r"|how (?:does|do|did|is|are|was|were) (?:the|a|an|this|that|these|he|she|it|they)\b[^?]*\b(?:mov(?:e|es|ed|ing)"
    r"|turn(?:s|ing)?|dressed))\b",
    re.I,
)
SOUND = re.compile(
    r"\b(?:what|which) (?:\w+ )?(?:sounds?|nois\w+)\b(?! like)"
    r"|\bwhat (?:can|could|do|does) (?:be|you|we|one|they) hear[d]?\b"
    r"|\b(?:sounds?|nois\w+|applause|laughter|clapping|cheering|siren|barking|birdsong|gunshots?|explosion)\b"
    r"[^?]*\b(?:heard|hear|audible|be heard)\b|\b(?:heard|hear|audible)\b[^?]*\b(?:sounds?|nois\w+|applause|laughter"
    r"|clapping|cheering|siren|barking|birdsong|music|gunshots?|explosion)\b",
    re.I,
)
"""About sounds that are no speech."""

TEXT_ITSELF = re.compile(
    r"\b(?:what|which)\b(?: \w+){0,3}? (?:text|titles?|words?|headings?|letters?|sign|caption|name|phrase|sentence"
    r"|message|label|logo|inscription)\b|\bwhat (?:\w+ )?(?:is|does|do|can|was)\b.*\b(?:written|read|says?)\b",
    re.I,
)
"""The wording of on-screen text is asked for, whatever it says."""

SEEN_WHILE = re.compile(
    r"\bwhat (?:is|was|can be) (?:being |to be )?(?:shown|seen|on (?:the )?screen|visible|in the picture)\b.*"
    r"\b(?:while|when|during|as|before|after)\b|\bduring which (?:picture|scene|shot|image)\b",
    re.I,
)
FILE = re.compile(
    r"\b(?:audio|sound|subtitle|video|caption)\s+(?:tracks?|streams?)\b|\b(?:which|what|how many) (?:audio "
    r"|subtitle )?languages?\b.*\b(?:tracks?|subtitles?|audio|file|available)\b"
    r"|\bsubtitle languages?\b|\b(?:resolution|frame ?rate|fps|codecs?|container|file (?:size|format|type)"
    r"|bit ?rate|aspect ratio|how big is the file)\b"
    r"|\bhow long (?:is|does) (?:the|this) (?:video|film|movie|file|clip|recording|whole (?:video|film|thing))\b"
    r"|\b(?:duration|length|running time|runtime) of the (?:video|film|movie|file|clip|recording)\b",
    re.I,
)
_VIDEO = r"(?:videos?|films?|movies?|recordings?|clips?|files?|episodes?|lectures?|talks?|interviews?)"
WHOLE = re.compile(
    r"\b(?:summari[sz]e|summary|recap|gist|synopsis|tl;?dr|overview|what(?: is|'s) (?:the|this) (?:whole )?"
    r"(?:video|film|movie|clip|recording|lecture|talk|episode|interview) about|main (?:topic|subject|idea|point)s?"
    r"|what happens in (?:the|this) (?:whole )?(?:video|film|movie)|tell me about (?:the|this) (?:video|film)"
    r"|what(?: is|'s) it (?:all )?about|describe the (?:video|film|movie))\b",
    re.I,
)
_ELSEWHERE = r"(?:slide|screen|sign|board|card|page|poster|promises?|museum|book|paper)"  # what has parts of its own
CHAPTERS = re.compile(
    r"^\W*(?:please |(?:can|could|would) you )?(?:what|which|list|give|show|name|tell|make|write|are there)\b[^?]*?"
    r"\b(?:chapters|table of contents|outline|sections|(?:main|different) parts|topics|themes)\b"
    rf"(?:\W*$|(?=[^?]*\b(?:{_VIDEO}|it|covered?|covers|discuss(?:ed|es)|dealt with|addressed|times?|timestamps?)\b)"
    rf"(?![^?]*\b{_ELSEWHERE}\b))"
    rf"|\bhow (?:is|was) (?:the |this )?(?:{_VIDEO}|it) (?:structured|divided|organi[sz]ed|split)\b"
    rf"|\b(?:break|divide|split) (?:the |this )?(?:{_VIDEO}|it)\b[^?]*\b(?:down|into (?:chapters|sections|parts))\b",
    re.I,
)
"""The parts of a video are asked for."""

HAPPENS = re.compile(
    r"\bwhat (?:all )?(?:happens|happened|goes on|went on|takes place|(?:is|was) (?:going on|happening|it about"
    r"|(?:being )?(?:discussed|talked about|covered|shown|said|told|dealt with)))\b|\bwhat (?:is|was|does) "
    r"(?:(?:the|this) (?:\w+ ){1,3}|(?:chapter|part|section) \w+ )(?:about|cover|deal with)\b"
    r"|\b(?:summari[sz]e|recap)\b",
    re.I,
)
"""Everything in a stretch of time, or in one chapter, is asked for."""

PART = re.compile(
    r"\b(?:first|second|last|final|latter|middle) (?:(?:\w+ )?(?:minutes?|seconds?|hours?)|half|third|part)\b", re.I
)
CHAPTER = re.compile(
    rf"\b(?:chapter|section|part) (?P<number>\d+|{'|'.join(NUMBERS)})\b"
    rf"|\b(?P<nth>{'|'.join(ORDINALS)}|last|final) (?:chapter|section|part)\b",
    re.I,
)
"""One chapter, by its number."""

LIBRARY = re.compile(
    rf"\b(?:in )?(?:which|what) (?:one )?(?:of (?:the|these|those|my) )?(?:\w+ )?{_VIDEO}\b"
    r"|\bwhich of (?:them|these)\b",
    re.I,
)
COMPARE = re.compile(
    rf"\b(?:which|what) (?:one )?of the (?:two|three|four|\d+)\b.*|\bboth\b(?: of)?(?: the| these)? {_VIDEO}\b"
    rf"|\b(?:compare|differen\w+|differ|in common|similar\w*|alike|contrast)\b.*\b(?:{_VIDEO}|them|both)\b"
    rf"|\b(?:two|both|these|all) {_VIDEO}\b.*\b(?:differ|differen\w+|in common|agree|disagree|similar\w*)\b"
    rf"|\bwhich (?:of (?:the|these) )?{_VIDEO}\b.*\b(?:longer|longest|shorter|shortest|more|most|less|least|fewer"
    r"|fewest|first|earlier|earliest|later|latest|last|sooner)\b"
    rf"|\b(?:each|every) (?:of the )?{_VIDEO}\b",
    re.I,
)
"""Several videos are to be set side by side; only read where there are several."""

SHOWN_WHEN = re.compile(
    r"\b(?:(?:at )?(?:what|which) (?:time|moment|point|minute|second|timestamp)s?|when|during which (?:interval"
    r"|time|part|minutes?|stretch)|how (?:far|long) into|where in the (?:video|film))\b",
    re.I,
)
ON_SCREEN = re.compile(
    r"\b(?:shown?|appears?|displayed|visible|on screen|mention(?:s|ed)?|said|says?|spoken|heard|seen|occurs?"
    r"|in the (?:video|film|clip|recording)|talk(?:s|ed)? about"
    r"|scene|shot|slide|card|caption|title|text|word|sentence|phrase|explained?|introduced?|discuss(?:ed"
    r"|es)?|interval|timestamp|take place)\b",
    re.I,
)
PRESENT_WHEN = re.compile(r"^\s*(?:and )?(?:at what time|when) (?:do|does|is|are)\b", re.I)
"""Films are told in the present: with what is seen or said, this asks for a moment."""

WHICH_FIRST = re.compile(
    r"\b(?:which|what|who|whom)\b.*\b(?:first|earlier|earliest|sooner|before|last|later|latest)\b", re.I
)
ORDERING = re.compile(
    r"\border (?:these|the following|of these)\b|\bin (?:which|what) order\b|\bin the order\b|\bput .* in order\b", re.I
)
SLIDE = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|last|final|next)\s+(?:slide|title card|page)\b|\bslide \d+\b"
    r"|\bwhen (?:does|do|did) the (?:slides?|page) change\b",
    re.I,
)
FIRST_LINE = re.compile(
    r"\b(?:what|which)\b.*\b(?:very )?(?:first|last|opening|final|closing)\s+(?:\w+\s+){0,2}?(?:lines?"
    r"|words?|sentence|subtitle|caption|cue|phrase|utterance|question|text|thing (?:said|spoken))\b"
    r"|\bwhat (?:is|was) (?:said|spoken|written|shown as text) (?:first|last)\b"
    r"|\bwhat (?:is|was) the (?:first|last) thing (?:that )?(?!.*\b(?:after|before)\b).*\b(?:says?|said|saying)\b",
    re.I,
)
MANY_TIMES = re.compile(r"\bhow many times (?:does|do|is|are|can)\b", re.I)
HOW_OFTEN = re.compile(r"\bhow (?:many times|often)\b", re.I)
OFTEN_SAID = re.compile(
    r"\bhow often\b[^?]*(?:\b(?:mention(?:s|ed)?|spoken|uttered|repeat(?:s|ed)?|named|talk(?:s|ed)? about)\b"
    r"|\b(?:says?|said) (?:[\"'“‘«]|the (?:words?|names?|phrases?)\b|(?:\w+\W*){1,2}$)|\bsaid\W*$)",
    re.I,
)
"""How often something is said, not how often something happens that somebody tells of."""

COUNT = re.compile(
    r"\bhow many\b.*\b(?:captions?|captioned|overlays?|titles?|slides?|signs?"
    r"|lines?|cues?|subtitles|bullet points?|bullets|labels?|cards?)\b",
    re.I,
)
SPEAKERS = re.compile(
    r"\bhow many (?:different )?(?:people|persons|speakers|voices|men|women|characters)\b[^?]*"
    r"\b(?:speak\w*|talk\w*|heard|say|are there in the (?:conversation|interview|dialogue))\b"
    r"|\bhow many (?:different )?(?:speakers|voices)\b|\bwho (?:are|were) the speakers\b"
    r"|\bwho (?:all )?(?:speaks|talks)\W*$",
    re.I,
)
SAYS_WHO = re.compile(
    r"\bwho(?: is it that|  was it who)?\s+(?:\w+ly\s+)?(?:says|said|asks|asked|shouts?|shouted|whispers?|whispered"
    r"|repl(?:ies|ied)|answers|answered|mentions|mentioned|announces|announced|claims|claimed|tells|told|speaks"
    r"|spoke|exclaims|exclaimed|utters|uttered|is (?:saying|speaking|talking|asking)|was (?:saying|speaking|talking))\b"
    r"|\b(?:by whom|whose (?:line|words|voice)|which (?:speaker|character|person) (?:says|said|asks|asked|mentions))\b",
    re.I,
)
EXISTS = re.compile(
    r"^\s*(?:is|are|was|were|does|do|did|has|have)\b.*\b(?:mention(?:ed|s)?|talk(?:ed|s)? about|say|said"
    r"|named?|spoken|appear|shown|refer)\b"
    r"|^\s*(?:is|are|was|were) there\b|^\s*(?:is|are|was|were|does|do|did|has|have|can|could)\b[^?]*\b(?:ever|never"
    r"|at all|any(?:one|body|thing|where)?|at any (?:point|time))\b"
    r"|^\s*(?:is|are|was|were)\b[^?]*\b(?:seen|visible|in view|heard|audible|on screen|in the picture)\b"
    r"|^\s*(?:can|could|do) (?:you|we|i|one) (?:ever )?(?:see|hear|find|spot)\b",
    re.I,
)
"""Whether something is there at all."""

OPEN = re.compile(
    r"\b(?:ever|never|at all|any(?:one|body|thing|where)?|some(?:one|body)|at any (?:point|time)|mention(?:ed|s)?|shown"
    r"|appear|seen|visible|in view|heard|audible|on screen|in the (?:video|film|movie|clip|recording|picture)|see|hear"
    r"|find|spot|said|spoken|talk(?:ed|s)? about)\b",
    re.I,
)
"""Such a question asks about the video itself; without these words it may ask about the world."""

NEVER = re.compile(r"\bnever\b|\bnot (?:\w+ )?(?:ever|at all|once)\b|\bno(?:body| one)\b", re.I)
YES_NO = re.compile(r"^\s*(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|should)\s", re.I)
NEIGHBOUR = re.compile(
    r"\b(?:directly |immediately |right |just |straight )?(?P<way>after|following|before|preceding)\b"
    r"|\b(?P<reply>(?:the )?(?:answer|reply|response)s?\s+to|(?:answers?|repl(?:y|ies)|responds?|respond) (?:to"
    r"|when)|comes next|follows?)\b",
    re.I,
)
EDGE = re.compile(
    r"\b(?P<first>first|opening)\b(?!\s+name)|\b(?P<last>last|final|closing)\b(?!\s+(?:name|year|week"
    r"|month|night|time (?:he|she|they|i|we|you)))",
    re.I,
)
NTH = re.compile(rf"\b(?:for )?the (?P<nth>{'|'.join(ORDINALS)}) (?:time|occasion|occurrence)\b", re.I)
NTH_THING = re.compile(rf"\bthe (?P<nth>{'|'.join(list(ORDINALS)[1:])}) (?!half|part|slide|page|minute|time)\w", re.I)
"""Which of several alike, in questions about what is seen or heard."""

SOMEBODY = re.compile(r"\b(?:person|persons|people|man|men|woman|women|somebody|someone|anybody|anyone)\b", re.I)
