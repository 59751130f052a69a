"""What Whisper writes down although nobody said it: told apart from speech, and left out.

It was trained on subtitles, so that silence and noise make it write what subtitles end with; it repeats itself when it
is lost; and words that it made up find no sound to lie on. (Koenecke et al. 2024, "Careless Whisper", found inventions
in one per cent of recordings.) Each rule here needs evidence beside the words: people do say "thank you", and twice.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

NO_SPEECH = 0.6  # probability that nobody speaks above which doubtful words are silence
UNSURE = -1.0  # mean log-probability of the words below which they are doubtful
REPETITIVE = 2.4  # times that a text can be compressed above which it repeats itself
_PHANTOM_NO_SPEECH = 0.4  # the same as NO_SPEECH for phrases that Whisper is known to make up
_TAIL = 1.0  # seconds; what is found in so little sound after everything else is made up
_SPEED = 45.0  # letters a second that nobody speaks
_FEW_LETTERS = 12  # of a text too short to be judged by its speed
_PHRASE = 8  # words of a loop's phrase, at most
_TIMES = 4  # times that a phrase of several words comes in a loop, at least
_TIMES_WORD = 6  # the same for a single word
_SAME = 3  # whole sentences that are the same, one after the other, in one stretch of speech

# Lower case, letters and digits only: see ``_plain``. What Whisper says to noise, by language of the subtitles that it
# learnt from; collected from its users' complaints.
_PHANTOMS = frozenset(
    """
you
thank you
thank you very much
thank you so much
thanks
bye
bye bye
thanks for watching
thank you for watching
thanks for watching and see you next time
thank you for watching please subscribe
please subscribe
please subscribe to my channel
please like and subscribe
like and subscribe
dont forget to like and subscribe
see you next time
see you in the next video
ill see you in the next video
the end
music
applause
sous titrage st 501
sous titrage société radio canada
merci davoir regardé cette vidéo
merci
untertitel im auftrag des zdf für funk 2017
untertitelung aufgrund der audioqualität nicht möglich
untertitelung des zdf 2020
vielen dank fürs zuschauen
vielen dank
bis zum nächsten mal
gracias por ver el video
gracias por ver
gracias
suscríbete al canal
suscribete
subtítulos realizados por la comunidad de amara org
sottotitoli creati dalla comunità amara org
sottotitoli e revisione a cura di qtss
grazie
legendas pela comunidade amara org
obrigado por assistir
obrigado
ondertiteld door de amara org gemeenschap
ondertitels ingediend door de amara org gemeenschap
dziękuję za uwagę
dziękuję
napisy stworzone przez społeczność amara org
teksting av nicolai winther
tekstet av nicolai winther
undertexter från amara org gemenskapen
tack för att ni tittade
продолжение следует
спасибо за просмотр
спасибо
подписывайтесь на канал
субтитры сделал dimatorzok
субтитры создавал dimatorzok
редактор субтитров а семкин корректор а егорова
дякую за перегляд
ご視聴ありがとうございました
チャンネル登録お願いします
ありがとうございました
谢谢观看
谢谢大家
多谢您收看
請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目
请不吝点赞 订阅 转发 打赏支持明镜与点点栏目
字幕由amara org社区提供
字幕by索兰娅
시청해주셔서 감사합니다
구독과 좋아요 부탁드립니다
mbc 뉴스 이덕영입니다
감사합니다
altyazı m k
izlediğiniz için teşekkürler
ترجمة نانسي قنقر
اشتركوا في القناة
شكرا
""".strip().splitlines()
)
_PHANTOM_PARTS = ("amara org", "dimatorzok", "opensubtitles", "subtitles by", "sous titres réalisés", "subs by ")
_BRACKETED = re.compile(r"\s*(?:[\[(（【♪*][^\])）】♪*]*[\])）】♪*]\s*)+[.!]?")


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word as Whisper gives it, with the blank before it; seconds in the window."""

    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of text that Whisper heard in a window, as either library reports it.

    Attributes:
        begun: seconds of the window at which this pass of the decoder began; above 0 where it had to go on.
        sureness: mean log-probability of a token.
        no_speech: probability that nobody speaks.
        repetition: how many times the text of the pass can be compressed.
    """

    start: float
    end: float
    text: str
    words: tuple[HeardWord, ...] = ()
    sureness: float = 0.0
    no_speech: float = 0.0
    repetition: float = 1.0
    begun: float = 0.0


def clean(text: str) -> str:
    """The text in Unicode's composed form, with single blanks and nothing that cannot be printed.

    U+FFFD stands where Whisper stopped in the middle of a letter.
    """
    text = unicodedata.normalize("NFC", text).replace("\ufffd", "")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def phantom(text: str) -> bool:
    """Whether this is one of the phrases that Whisper is known to make up. People say most of them, too."""
    plain = _plain(text)
    return plain in _PHANTOMS or any(part in plain for part in _PHANTOM_PARTS)


def doubtful(heard: Heard) -> bool:
    """Whether a text should be heard again under better conditions, if there are any."""
    return heard.repetition > REPETITIVE or heard.sureness < UNSURE or phantom(heard.text) or bool(_loop(_units(heard)))


def failed(heard: Heard) -> bool:
    """Whether the decoder should try again at a higher temperature, by the rule of both libraries."""
    return (heard.repetition > REPETITIVE or heard.sureness < UNSURE) and not _silent(heard)


def sift(heard: Sequence[Heard], seconds: float) -> list[Heard]:
    """What was said, out of all that Whisper heard in a window of that length."""
    sound = [_unlooped(one) for one in heard if not (one.begun > 0 and seconds - one.begun < _TAIL)]
    kept: list[Heard] = []
    for _, group in groupby((one for one in sound if _said(one)), key=lambda one: _plain(one.text)):
        same = list(group)
        kept += same[:1] if len(same) >= _SAME and same[0].repetition > REPETITIVE else same
    return kept


def _said(heard: Heard) -> bool:
    if not any(c.isalnum() for c in heard.text) or _BRACKETED.fullmatch(heard.text):
        return False
    if _silent(heard) or (heard.no_speech > _PHANTOM_NO_SPEECH and phantom(heard.text)):
        return False
    return _ratio(heard.text) <= REPETITIVE and not _squeezed(heard)


def _silent(heard: Heard) -> bool:
    return heard.no_speech > NO_SPEECH and heard.sureness < UNSURE


def _squeezed(heard: Heard) -> bool:
    """Whether the words have no room in the sound: the alignment puts made-up ones all in one place."""
    letters = sum(c.isalnum() for c in heard.text)
    if letters < _FEW_LETTERS or not heard.words:
        return False
    return letters > _SPEED * (heard.words[-1].end - heard.words[0].start)


def _unlooped(heard: Heard) -> Heard:
    """The text with what it repeats over and over said once."""
    units = _units(heard)
    looped = _loop(units)
    if not looped:
        return heard
    keep = [unit for number, unit in enumerate(units) if number not in looped]
    words = tuple(word for number, word in enumerate(heard.words) if number not in looped)
    text = "".join(keep)
    end = words[-1].end if words else heard.end
    return replace(heard, text=text, words=words, end=end, repetition=_ratio(text))


def _ratio(text: str) -> float:
    """How many times a text can be compressed, as both libraries reckon."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _units(heard: Heard) -> list[str]:
    """Words with the blank before each; letters where the text has no blanks and no words."""
    if heard.words:
        return [word.text for word in heard.words]
    found = re.findall(r"\s*\S+", heard.text)
    return found if len(found) > 1 else list(heard.text)


def _loop(units: Sequence[str]) -> set[int]:
    """Numbers of the units that only repeat the phrase before them, in loops; longer phrases are looked for last."""
    plain = [_plain(unit) for unit in units]
    looped: set[int] = set()
    for size in range(1, _PHRASE + 1):
        least = _TIMES_WORD if size == 1 else _TIMES
        first = 0
        while first + size * least <= len(plain):
            phrase = plain[first : first + size]
            times = 1
            while plain[first + size * times : first + size * (times + 1)] == phrase:
                times += 1
            if times >= least and any(phrase):
                looped.update(range(first + size, first + size * times))
                first += size * times
            else:
                first += 1
    return looped


def _plain(text: str) -> str:
    """Lower case, without punctuation and apostrophes."""
    text = unicodedata.normalize("NFKC", text).lower().replace("'", "").replace("’", "")
    return " ".join("".join(c if c.isalnum() or unicodedata.combining(c) else " " for c in text).split())
