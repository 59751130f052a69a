"""Words for sorts of things, with what belongs to them: where a dog is, there is an animal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vagent.agent.language.words import Bag, Rarity, stem

_SORTS = {
    "animal pet creature": "bird cat dog horse sheep cow elephant bear zebra giraffe lion tiger fox wolf deer rabbit"
    " mouse pig goat duck goose chicken hen fish shark whale dolphin snake frog monkey parrot pigeon owl eagle bee"
    " insect",
    "bird": "duck goose chicken hen parrot pigeon owl eagle swan gull crow sparrow",
    "vehicle": "car bus truck lorry van motorcycle motorbike bicycle train tram boat ship airplane aeroplane taxi"
    " tractor",
    "person human people somebody someone anybody anyone": "man woman boy girl child men women children person",
    "fruit": "apple banana orange pear grape cherry strawberry lemon melon peach plum",
    "food": "apple banana sandwich orange broccoli carrot pizza donut cake bread cheese soup salad rice pasta",
    "furniture": "chair couch sofa bed table bench shelf cupboard wardrobe desk",
    "instrument": "guitar piano violin drum drums flute trumpet cello saxophone accordion harp",
    "money price": "euro euros dollar dollars pound pounds cent cents franc francs cost costs pay paid cash salary rent"
    " budget wage fee",
    "weapon": "gun rifle pistol knife sword bow cannon",
    "noise sound": "applause laughter music siren barking clapping cheering explosion gunshot whistle bell engine",
}


def share(words: Iterable[str], bag: Bag, rarity: Rarity) -> float:
    """Weighted share, 0..1, of ``words`` that stand in ``bag``, themselves or as something of their sort."""
    total = found = 0.0
    for word in words:
        weight = rarity(word)
        total += weight
        sort = not bag.stems.isdisjoint(_MEMBERS.get(word, frozenset()))
        found += weight * max(bag.has(word), 0.9 if sort else 0.0)
    return found / total if total else 0.0


def members() -> Mapping[str, frozenset[str]]:
    """Stems of what belongs to each sort, by the sort's stem."""
    return _MEMBERS


_DETECTED = """person bicycle car motorcycle airplane bus train truck boat bench bird cat dog horse sheep cow elephant
bear zebra giraffe backpack umbrella handbag tie suitcase frisbee skis snowboard kite skateboard surfboard bottle cup
fork knife spoon bowl banana apple sandwich orange broccoli carrot pizza donut cake chair couch bed toilet laptop mouse
remote keyboard microwave oven toaster sink refrigerator book clock vase scissors toothbrush people man woman child
animal vehicle"""

DETECTED: frozenset[str] = frozenset(stem(word) for word in _DETECTED.split())
"""Stems of what common detectors know: that these find nothing else says nothing."""

_UNSEEN = "money price noise sound"  # sorts of what no picture shows

_MEMBERS: Mapping[str, frozenset[str]] = {
    stem(name): frozenset(stem(word) for word in words.split())
    for names, words in _SORTS.items()
    for name in names.split()
}

THINGS: frozenset[str] = DETECTED.union(
    *(
        {stem(name), *(stem(word) for word in words.split())}
        for names, words in _SORTS.items()
        for name in names.split()
        if name not in _UNSEEN.split()
    )
)
"""Stems of things that are seen where they are: that one is spoken of does not put it there."""
