"""In which words sounds are written down.

AudioSet's models know 527 labels: breeds of music, parts of animals, rooms, speech. ``FOLDED`` has those that help to
find a moment, under the words that people would use. Speech is left out, because it has a sense of its own, and so are
rooms ("Inside, small room"), qualities ("Echo") and sounds that anything could make ("Rattle").
"""

from __future__ import annotations

from collections.abc import Sequence

# word: AudioSet's names, parted by bars because they contain commas
_TABLE = """
laughter: Laughter | Baby laughter | Giggle | Snicker | Belly laugh | Chuckle, chortle
applause: Applause | Clapping
cheering: Cheering | Whoop
crowd: Crowd | Hubbub, speech noise, speech babble | Chatter
children playing: Children playing
crying: Crying, sobbing | Whimper | Wail, moan
baby crying: Baby cry, infant cry
screaming: Screaming
shouting: Shout | Bellow | Yell | Children shouting | Battle cry
whispering: Whispering
singing: Singing | Male singing | Female singing | Child singing | Synthetic singing | Yodeling
singing: Vocal music | A capella
choir: Choir
chanting: Chant | Mantra
rapping: Rapping
humming: Humming
whistling: Whistling
snoring: Snoring
coughing: Cough | Throat clearing
sneezing: Sneeze
heartbeat: Heart sounds, heartbeat
footsteps: Walk, footsteps | Run
dog: Dog | Bark | Yip | Bow-wow | Growling | Whimper (dog)
cat: Cat | Purr | Meow | Caterwaul
horse: Horse | Clip-clop | Neigh, whinny
cow: Cattle, bovinae | Moo
pig: Pig | Oink
sheep or goat: Goat | Bleat | Sheep
chicken: Fowl | Chicken, rooster | Cluck | Crowing, cock-a-doodle-doo
turkey: Turkey | Gobble
duck or goose: Duck | Quack | Goose | Honk
lion or tiger: Roaring cats (lions, tigers) | Roar
bird: Bird | Bird vocalization, bird call, bird song | Chirp, tweet | Squawk | Bird flight, flapping wings
pigeon: Pigeon, dove | Coo
crow: Crow | Caw
owl: Owl | Hoot
insects: Insect | Cricket | Mosquito | Fly, housefly | Bee, wasp, etc.
frog: Frog | Croak
snake: Snake
whale: Whale vocalization
music: Music | Musical instrument | Pop music | Rhythm and blues | Soul music | Country | Bluegrass | Funk | Disco
music: Folk music | Middle Eastern music | Ambient music | Music of Latin America | Salsa music | Flamenco | Blues
music: Music for children | New-age music | Music of Africa | Afrobeat | Christian music | Gospel music | Music of Asia
music: Carnatic music | Music of Bollywood | Traditional music | Independent music | Song | Background music
music: Theme music | Jingle (music) | Soundtrack music | Lullaby | Video game music | Christmas music | Dance music
music: Wedding music | Happy music | Funny music | Sad music | Tender music | Exciting music | Angry music | Scary music
music: Plucked string instrument | Bowed string instrument | Wind instrument, woodwind instrument | Synthesizer
rock music: Rock music | Heavy metal | Punk rock | Grunge | Progressive rock | Rock and roll | Psychedelic rock
hip hop music: Hip hop music | Beatboxing | Scratching (performance technique)
reggae: Reggae | Ska
jazz: Jazz | Swing music
classical music: Classical music
opera: Opera
electronic music: Electronic music | House music | Techno | Dubstep | Drum and bass | Electronica
electronic music: Electronic dance music | Trance music
orchestra: Orchestra | String section
guitar: Guitar | Electric guitar | Bass guitar | Acoustic guitar | Steel guitar, slide guitar | Strum
guitar: Tapping (guitar technique) | Banjo | Ukulele | Mandolin
piano: Piano | Electric piano | Keyboard (musical) | Harpsichord
organ: Organ | Electronic organ | Hammond organ
drums: Percussion | Drum kit | Drum machine | Drum | Snare drum | Drum roll | Bass drum | Timpani | Tabla | Cymbal
drums: Hi-hat | Rimshot
violin: Violin, fiddle | Pizzicato
cello: Cello | Double bass
harp: Harp
brass instruments: Brass instrument | French horn | Trombone
trumpet: Trumpet
flute: Flute
saxophone: Saxophone
clarinet: Clarinet
harmonica: Harmonica
accordion: Accordion
bagpipes: Bagpipes
bells: Bell | Church bell | Jingle bell | Chime | Wind chime | Change ringing (campanology) | Tubular bells | Gong
wind: Wind
thunder: Thunderstorm | Thunder
rain: Rain | Raindrop | Rain on surface
running water: Water | Stream | Waterfall | Water tap, faucet | Sink (filling or washing) | Trickle, dribble | Gush
running water: Bathtub (filling or washing) | Pour | Fill (with liquid)
splashing: Splash, splatter | Slosh
waves: Ocean | Waves, surf
fire: Fire | Crackle
vehicle: Vehicle | Motor vehicle (road)
car: Car | Car passing by
race car: Race car, auto racing
car horn: Vehicle horn, car horn, honking | Toot | Air horn, truck horn
car alarm: Car alarm
tyres squealing: Skidding | Tire squeal
truck: Truck | Air brake
reversing beeps: Reversing beeps
bus: Bus
motorcycle: Motorcycle
traffic: Traffic noise, roadway noise
train: Rail transport | Train | Train whistle | Train horn | Railroad car, train wagon | Train wheels squealing
train: Subway, metro, underground
aircraft: Aircraft | Aircraft engine | Jet engine | Propeller, airscrew | Fixed-wing aircraft, airplane
helicopter: Helicopter
boat: Boat, Water vehicle | Sailboat, sailing ship | Rowboat, canoe, kayak | Motorboat, speedboat | Ship
bicycle: Bicycle | Bicycle bell
skateboard: Skateboard
engine: Engine | Light engine (high frequency) | Medium engine (mid frequency) | Heavy engine (low frequency)
engine: Engine knocking | Engine starting | Idling | Accelerating, revving, vroom
lawn mower: Lawn mower
chainsaw: Chainsaw
siren: Siren | Civil defense siren | Emergency vehicle | Police car (siren) | Ambulance (siren)
siren: Fire engine, fire truck (siren)
alarm: Alarm | Alarm clock | Buzzer | Smoke detector, smoke alarm | Fire alarm
telephone: Telephone | Telephone bell ringing | Ringtone | Telephone dialing, DTMF | Dial tone | Busy signal
doorbell: Doorbell | Ding-dong
door: Door | Sliding door | Slam
knocking: Knock
dishes: Dishes, pots, and pans | Cutlery, silverware
chopping: Chopping (food)
frying: Frying (food) | Sizzle
blender: Blender
hair dryer: Hair dryer
vacuum cleaner: Vacuum cleaner
toilet flush: Toilet flush
typing: Typing | Typewriter | Computer keyboard
clock: Clock | Tick | Tick-tock
sewing machine: Sewing machine
cash register: Cash register
printer: Printer
camera: Camera | Single-lens reflex camera
whistle: Whistle | Steam whistle
foghorn: Foghorn
hammering: Hammer
jackhammer: Jackhammer
sawing: Sawing
drill: Drill | Power tool | Dental drill, dentist's drill
explosion: Explosion | Boom | Eruption
gunshots: Gunshot, gunfire | Machine gun | Fusillade | Artillery fire | Cap gun
fireworks: Fireworks | Firecracker
breaking glass: Shatter
clinking glasses: Glass | Chink, clink
crash: Smash, crash | Breaking
bang: Bang | Thump, thud | Whack, thwack
basketball: Basketball bounce
beep: Beep, bleep
"""

FOLDED: dict[str, str] = {
    name.strip(): word
    for row in _TABLE.strip().splitlines()
    for word, _, names in [row.partition(": ")]
    for name in names.split(" | ")
}
"""AudioSet's name -> the word it is written down as."""

_AUDIOSET = frozenset({"Speech", "Music", "Inside, small room"})

DESCRIBED: dict[str, str] = {
    "laughter": "people laughing",
    "applause": "applause",
    "cheering": "a crowd cheering",
    "crowd": "the hubbub of a crowd",
    "crying": "a person crying",
    "baby crying": "a baby crying",
    "screaming": "a person screaming",
    "singing": "a person singing",
    "music": "music",
    "coughing": "a person coughing",
    "footsteps": "footsteps",
    "dog": "a dog barking",
    "cat": "a cat meowing",
    "horse": "a horse galloping",
    "bird": "birds singing",
    "insects": "insects chirping",
    "wind": "strong wind",
    "thunder": "thunder",
    "rain": "rain falling",
    "running water": "running water",
    "waves": "ocean waves",
    "fire": "a crackling fire",
    "car": "a car driving past",
    "car horn": "a car horn",
    "tyres squealing": "squealing tyres",
    "motorcycle": "a motorcycle",
    "train": "a train",
    "aircraft": "an aircraft",
    "helicopter": "a helicopter",
    "engine": "an engine running",
    "siren": "a siren",
    "alarm": "an alarm",
    "telephone": "a telephone ringing",
    "doorbell": "a doorbell",
    "door": "a door closing",
    "knocking": "knocking on a door",
    "typing": "typing on a keyboard",
    "clock": "a ticking clock",
    "bells": "church bells",
    "drill": "a drill",
    "hammering": "hammering",
    "explosion": "an explosion",
    "gunshots": "gunshots",
    "fireworks": "fireworks",
    "breaking glass": "glass breaking",
}
"""Word -> what a model that understands text is asked for: the same words as in ``FOLDED``, the frequent ones."""

BACKGROUND: tuple[str, ...] = ("a person speaking", "people talking", "silence", "room noise", "background noise")
"""What is heard where nothing of ``DESCRIBED`` is: a sound must be likelier than these together."""


def words(names: Sequence[str]) -> list[str | None]:
    """The word for each label of a model, None for labels that are not written down.

    A model of its own labels, trained on something else than AudioSet, is taken at its word.
    """
    if set(names) >= _AUDIOSET:
        return [FOLDED.get(name) for name in names]
    return [FOLDED.get(name, " ".join(name.replace("_", " ").lower().split()) or None) for name in names]
