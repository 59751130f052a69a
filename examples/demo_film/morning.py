"""The first half of the demo film, one function a shot: seconds since the shot began -> a picture.

What is written on the screen, and when, stands in the constants; make_demo.py derives its questions from them.
"""

from __future__ import annotations

import math
from functools import cache

from PIL import Image

from demo_film.drawing import (
    AMBER,
    CORAL,
    HEIGHT,
    INK,
    NAVY,
    WHITE,
    WIDTH,
    Canvas,
    cloud,
    ease,
    gull,
    hills,
    noise,
    place_tag,
    sea,
)

TITLE, SUBTITLE, TITLE_AT, TITLE_UNTIL = "LARK ISLAND", "A DAY ON", 2.0, 9.0
KEEPER, KEEPER_ROLE, KEEPER_AT = "Anna Brandt", "Lighthouse keeper", 1.0
KEEPER_TALKS = ((1.6, 4.2), (5.4, 7.8))  # her mouth moves
DEPARTURES = (
    ("07:15", "North Bay", "Pier 1"),
    ("09:40", "Port Ellen", "Pier 2"),
    ("12:30", "Gull Rock", "Pier 1"),
    ("16:05", "Saint Anne", "Pier 3"),
)
CANCELLED, CANCELLED_AT = 2, 8.0  # this departure is called off, this many seconds into the shot
BOAT = "MARGUERITE"


@cache
def _dawn() -> Canvas:
    c = Canvas.gradient((0, "#1d2c50"), (0.28, "#5a5f8c"), (0.45, "#c98b94"), (0.58, "#f7b98a"), (0.64, "#fde0a6"))
    c.glow(600, 306, 330, "#ffe3a3", 0.55)
    return c


def title(t: float) -> Image.Image:
    """The sun rises behind the island; the film's title."""
    c = _dawn().copy()
    height = 322 - 3.4 * t
    c.glow(600, height, 110, "#fff1c4", 0.9)
    c.oval(600, height, 36, 36, "#fff3cf")
    land = [(40, 314), (86, 300), (120, 268), (168, 254), (206, 262), (248, 236), (300, 250), (352, 282), (430, 314)]
    c.polygon(land, "#5b4d6e")
    c.polygon([(243, 240), (245.5, 206), (252.5, 206), (255, 240)], "#6d5c7c")
    c.oval(249, 203, 4, 4, "#ffe9b0", 0.6 + 0.4 * math.sin(2 * math.pi * t / 3))
    sea(c, t, 312, ("#d99a8b", "#a77f8e", "#736a8b", "#474f77", "#2b3a60"))
    for row in range(16):
        y = 318 + row * 9.6
        width = (10 + row * 4.2) * (0.65 + 0.35 * math.sin(t * 1.7 + row * 1.9))
        x = 600 + 6 * math.sin(t * 0.9 + row * 2.3)
        c.box(x - width, y, x + width, y + 2.6, "#ffe6b3", 0.5, radius=1.3)
    for bird in range(3):
        gull(c, 120 + t * 17 + bird * 46, 60 + bird * 17 + 6 * math.sin(t * 0.8 + bird), 13 - bird * 2, t + bird, NAVY)
    shown = ease((t - TITLE_AT) / 1.0) * ease((TITLE_UNTIL - t) / 1.0)
    if shown > 0:
        c.text((WIDTH / 2, 104), SUBTITLE, 26, WHITE, alpha=shown, anchor="mm", spacing=9, weight=0.2)
        c.text((WIDTH / 2, 158), TITLE, 62, WHITE, alpha=shown, anchor="mm", spacing=10, weight=1.4)
    return c.finished()


@cache
def _before_dawn() -> Canvas:
    c = Canvas.gradient((0, "#15203d"), (0.4, "#3a4775"), (0.68, "#b77f8c"), (0.8, "#eeb189"))
    for star in range(70):
        c.oval(noise(star) * WIDTH, noise(star + 500) ** 1.5 * 210, 0.9, 0.9, WHITE, 0.35 + 0.5 * noise(star + 900))
    return c


def lighthouse(t: float) -> Image.Image:
    """The lighthouse on its cliff, the beam going round."""
    c = _before_dawn().copy()
    reach = math.cos(2 * math.pi * t / 8)
    for widen, strength in ((1.0, 0.10), (0.6, 0.14), (0.3, 0.18)):
        end, spread = 590 + reach * 900, 90 * widen * (0.25 + abs(reach))
        shaft = [(590, 120), (end, 96 - spread), (end, 132 + spread)]
        c.polygon(shaft, "#fff0bd", strength * (0.35 + 0.65 * abs(reach)))
    sea(c, t, 392, ("#806f8d", "#55557f", "#37446c", "#232f52"), height=6)
    cliff = [(404, 480), (432, 420), (452, 384), (500, 352), (560, 338), (660, 334), (740, 348), (800, 372), (854, 380)]
    c.polygon([*cliff, (854, 480)], "#2c3350")
    c.polygon([*[(x + 16, y + 14) for x, y in cliff[:-1]], (854, 398), (854, 480)], "#242a45")
    c.polygon([(676, 340), (676, 302), (706, 282), (736, 302), (736, 346)], "#454b6e")
    c.polygon([(668, 304), (706, 277), (744, 304)], "#9c4a4e")
    for left in (684, 706):
        c.box(left, 308, left + 14, 323, "#ffd884", radius=1.5)
    for band in range(6):
        top, bottom = 146 + band * 32.5, 178.5 + band * 32.5
        upper, lower = 24 + band * 2.5, 26.5 + band * 2.5
        outline = [(590 - upper, top), (590 + upper, top), (590 + lower, bottom), (590 - lower, bottom)]
        shade = [(598, top), (590 + upper, top), (590 + lower, bottom), (598, bottom)]
        c.polygon(outline, "#d8504a" if band % 2 else "#f4efe9")
        c.polygon(shade, INK, 0.2)
    c.box(558, 137, 622, 147, INK, radius=2)
    c.box(573, 104, 607, 138, "#fff2c6")
    for bar in range(573, 608, 11):
        c.line([(bar, 104), (bar, 138)], INK, 1.6)
    c.polygon([(568, 105), (590, 82), (612, 105)], "#b7423f")
    c.oval(590, 80, 3, 3, "#b7423f")
    c.glow(590, 120, 70 + 12 * abs(reach), "#fff3c9", 0.8)
    place_tag(c, t, "05:40", "North Point")
    return c.finished()


@cache
def _lamp_room() -> Canvas:
    c = Canvas.gradient((0, "#294454"), (1, "#1c2f3c"))
    for x in range(0, WIDTH, 61):
        c.line([(x, 0), (x, HEIGHT)], "#1b2e3a", 1.5)
    c.box(470, 84, 770, 330, "#c9a36b", radius=14)
    c.box(482, 96, 758, 318, "#9cc6d3", radius=8)
    c.box(482, 96, 758, 190, "#f4cfa5", 0.55, radius=8)
    c.box(60, 120, 230, 128, "#8a5f3d", radius=2)
    for book, colour in enumerate(("#b9483f", "#d9a441", "#3f7f86", "#e5dcc5", "#6b5b8c", "#b9483f")):
        height = 44 + 16 * noise(book + 3)
        c.box(68 + book * 19, 120 - height, 84 + book * 19, 120, colour, radius=1.5)
    return c


def keeper(t: float) -> Image.Image:
    """The keeper speaks; her name fades in below."""
    c = _lamp_room().copy()
    c.box(482, 222, 758, 318, "#3f7690", radius=8)
    for wave in range(5):
        top = 234 + wave * 17
        left = 500 + (t * (9 + 3 * wave) + wave * 57) % 200
        c.box(left, top, left + 34, top + 2.2, "#a9d0da", 0.8, radius=1)
    c.box(616, 96, 624, 318, "#c9a36b")
    nod = 1.6 * math.sin(t * 1.5) + 0.8 * math.sin(t * 2.7)
    x, y = 340 + 1.5 * math.sin(t * 0.9), 206 + nod
    c.oval(340, 470, 168, 132, "#233a5e")
    for height in (392, 418, 444, 470):
        half = 164 * math.sqrt(1 - ((470 - height) / 132) ** 2)
        c.line([(340 - half, height), (340 + half, height)], "#d9dfe6", 5)
    c.box(312, y + 64, 368, y + 150, "#dfa27d", radius=20)
    c.oval(340, 356, 62, 20, "#1c2f4e")
    c.oval(x + 2, y - 14, 88, 92, "#8b8f99")
    c.oval(x + 74, y + 34, 26, 34, "#8b8f99")
    c.oval(x, y + 10, 72, 88, "#edb48d")
    for side in (-1, 1):
        c.oval(x + side * 40, y + 40, 17, 11, "#e08f74", 0.55)
        closed = t % 3.4 < 0.16
        c.oval(x + side * 27, y + 6, 9, 1.5 if closed else 8, WHITE if not closed else "#b97f5f")
        if not closed:
            c.oval(x + side * 27 + 1.5, y + 7, 4.4, 4.8, "#2b3c50")
        c.line([(x + side * 38, y - 13), (x + side * 27, y - 17), (x + side * 16, y - 14)], "#70737d", 4)
    c.line([(x - 2, y + 14), (x - 8, y + 34), (x + 4, y + 36)], "#cf8e69", 3)
    talking = any(start <= t <= end for start, end in KEEPER_TALKS)
    mouth = 2 + (7 * abs(math.sin(t * 8.3)) * (0.5 + 0.5 * math.sin(t * 3.1) ** 2) if talking else 0)
    c.oval(x, y + 58, 19, mouth, "#8c3b38")
    c.polygon([(x - 84, y - 44), (x + 84, y - 44), (x + 70, y - 104), (x - 70, y - 104)], "#1d3152")
    c.oval(x, y - 102, 70, 20, "#1d3152")
    c.box(x - 92, y - 56, x + 92, y - 36, "#c9443d", radius=10)
    shown = ease((t - KEEPER_AT) / 0.7)
    slide = 40 - 30 * (1 - shown)
    c.box(slide, 388, slide + 250, 450, NAVY, shown, radius=4)
    c.box(slide, 388, slide + 7, 450, CORAL, shown)
    c.text((slide + 24, 415), KEEPER, 25, WHITE, alpha=shown, weight=0.5)
    c.text((slide + 24, 439), KEEPER_ROLE, 17, "#ffd27a", alpha=shown)
    return c.finished()


@cache
def _quay() -> Canvas:
    c = Canvas.gradient((0, "#8cc3da"), (0.75, "#e6f1ea"))
    hills(c, 372, 40, 460, 0.1, "#9fbfb4")
    c.box(0, 428, WIDTH, HEIGHT, "#6d6a70")
    c.box(0, 424, WIDTH, 432, "#918d92")
    for leg in (150, 690):
        c.box(leg, 380, leg + 16, 440, "#5a4634")
    c.box(92, 40, 762, 396, "#5a4634", radius=10)
    c.box(102, 50, 752, 386, "#13243f", radius=6)
    c.text((130, 104), "FERRY DEPARTURES", 32, WHITE, weight=0.7, spacing=2)
    c.line([(130, 128), (724, 128)], AMBER, 3)
    for row in range(0, 4, 2):
        c.box(116, 144 + row * 58, 738, 200 + row * 58, "#1b3152", radius=4)
    return c


def timetable(t: float) -> Image.Image:
    """The timetable in the harbour; one departure is called off while we look."""
    c = _quay().copy()
    for x, colour in ((44, CORAL), (806, "#2f7f86")):
        c.line([(x, 430), (x, 150)], "#f2f2ee", 4)
        wind = [4 * math.sin(t * 5 - step * 0.9) for step in range(4)]
        upper = [(x + step * 12, 152 + wind[step] * step / 3) for step in range(4)]
        c.polygon([*upper, *[(left, top + 26) for left, top in reversed(upper)]], colour)
    for row, (hour, place, pier) in enumerate(DEPARTURES):
        y = 172 + row * 58
        gone = row == CANCELLED and t >= CANCELLED_AT
        c.text((132, y), hour, 28, AMBER, anchor="lm", weight=0.5)
        c.text((250, y), place, 28, WHITE, anchor="lm", alpha=0.55 if gone else 1)
        if gone:
            c.box(544, y - 21, 728, y + 21, CORAL, radius=5)
            c.text((636, y), "CANCELLED", 24, WHITE, anchor="mm", weight=0.7)
        else:
            c.text((560, y), pier, 28, WHITE, anchor="lm")
    c.oval(690, 84, 26, 26, WHITE)
    c.oval(690, 84, 24, 24, "#f2f2ee")
    for turn, reach, width in ((0.592, 13, 3.2), (0.11, 19, 2.4), (t / 60, 21, 1.2)):
        tip = (690 + reach * math.sin(2 * math.pi * turn), 84 - reach * math.cos(2 * math.pi * turn))
        c.line([(690, 84), tip], CORAL if width < 2 else NAVY, width)
    return c.finished()


@cache
def _bay() -> Canvas:
    c = Canvas.gradient((0, "#4f9fce"), (0.5, "#a9d8e8"), (0.58, "#e3f3ee"))
    c.oval(150, 84, 30, 30, "#fff5d2")
    c.glow(150, 84, 90, "#fff5d2", 0.5)
    return c


def boat(t: float) -> Image.Image:
    """The red boat crosses the bay from left to right."""
    c = _bay().copy()
    for number, (left, top, size) in enumerate(((120, 120, 30), (430, 76, 40), (700, 130, 26), (930, 90, 34))):
        cloud(c, (left + t * (5 + number)) % 1040 - 90, top, size, alpha=0.9)
    hills(c, 276, 34, 520, 0.62, "#7fae9b")
    hills(c, 286, 22, 330, 0.15, "#5f9784")
    sea(c, t, 280, ("#5fb0c6", "#479fbd"), height=4)
    x, y = -190 + t * 70, 348 + 4 * math.sin(t * 1.9)
    lean = 3 * math.sin(t * 1.9 + 0.8)
    for puff in range(6):
        age = (t * 0.7 + puff / 6) % 1
        c.oval(x + 74 - age * 92, y - 118 - age * 46, 7 + age * 17, 6 + age * 14, "#eef2f2", 0.6 * (1 - age))
    c.box(x + 62, y - 108 + lean, x + 84, y - 58, "#33415c", radius=2)
    c.box(x + 62, y - 98 + lean, x + 84, y - 88, AMBER)
    c.box(x + 10, y - 66, x + 132, y - 6, "#f6f1e7", radius=5)
    c.box(x + 4, y - 74, x + 140, y - 64, "#cc3f35", radius=3)
    for window in range(4):
        c.box(x + 22 + window * 27, y - 54, x + 41 + window * 27, y - 33, "#5a93b0", radius=3)
    c.line([(x + 168, y - 10), (x + 168 + lean, y - 92)], "#5b4a3a", 3)
    flutter = 3 * math.sin(t * 7)
    c.polygon([(x + 168 + lean, y - 92), (x + 204, y - 84 + flutter), (x + 168 + lean, y - 74)], AMBER)
    hull = [(x - 36, y - 12), (x + 214, y - 24), (x + 182, y + 42), (x - 8, y + 42)]
    c.polygon(hull, "#d23f33")
    c.polygon([(x - 36, y - 12), (x + 214, y - 24), (x + 210, y - 15), (x - 33, y - 4)], "#fff3e2")
    c.polygon([(x - 16, y + 28), (x + 189, y + 28), (x + 182, y + 42), (x - 8, y + 42)], "#8f2a26")
    c.text((x + 86, y + 12), BOAT, 22, WHITE, anchor="mm", weight=0.7, spacing=2)
    sea(c, t + 5, 384, ("#3c8fb2", "#2f7a9f", "#24658a"), height=5)
    for bird in range(2):
        gull(c, 700 - t * 24 + bird * 64, 170 + bird * 26 + 9 * math.sin(t + bird * 2), 17 - bird * 4, t + bird, WHITE)
    place_tag(c, t, "08:20", "The bay")
    return c.finished()
