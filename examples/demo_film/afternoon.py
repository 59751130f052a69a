"""The second half of the demo film, one function a shot: seconds since the shot began -> a picture.

What is written on the screen, and when, stands in the constants; make_demo.py derives its questions from them.
"""

from __future__ import annotations

import math
from functools import cache

from PIL import Image

from demo_film.drawing import (
    AMBER,
    CORAL,
    CREAM,
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

PRICES = (("Apples", "$2.40"), ("Honey", "$6.50"), ("Bread", "$3.20"), ("Fish", "$8.90"))
RULES_TITLE = "Rules for visitors"
RULES = ((2.0, "Keep dogs on a lead"), (6.5, "No fires on the beach"), (11.0, "Take your litter home"))
LOST = ("LOST CAT", "Grey, with one white paw.", "Answers to the name Biscuit.", "Please call 555 0142")
CREDITS = (
    ("Written by", "Clara Whitfield"),
    ("Drawn by", "Tomas Lindqvist"),
    ("Music by", "Ida Moretti"),
    ("Produced by", "Henry Okafor"),
)
CREDITS_AT, CREDITS_STEP = 1.0, 2.4  # the first name, and the time from one to the next


@cache
def _valley() -> Canvas:
    c = Canvas.gradient((0, "#78b7d6"), (0.7, "#f0ead2"))
    hills(c, 250, 62, 610, 0.3, "#a9c4ae")
    hills(c, 318, 40, 430, 0.75, "#7fab86")
    c.polygon([(0, 420), (300, 396), (560, 404), (854, 380), (854, 480), (0, 480)], "#4f8a66")
    return c


def railway(t: float) -> Image.Image:
    """A steam train crosses the viaduct from right to left."""
    c = _valley().copy()
    for number, (x, y, size) in enumerate(((200, 70, 32), (560, 110, 26), (800, 60, 36))):
        cloud(c, (x + t * (4 + number)) % 1000 - 70, y, size, alpha=0.85)
    engine = 660 - t * 42
    for puff in range(7):
        age = (t * 0.6 + puff / 7) % 1
        c.oval(engine + 34 + age * 130, 196 - age * 54, 8 + age * 22, 7 + age * 18, WHITE, 0.75 * (1 - age))
    for car in range(3):
        left = engine + 142 + car * 122
        c.box(left - 10, 254, left + 10, 260, INK)
        c.box(left, 206, left + 114, 260, "#b8433a", radius=6)
        c.box(left, 200, left + 114, 210, "#f1e4cc", radius=4)
        for window in range(4):
            c.box(left + 11 + window * 25, 216, left + 29 + window * 25, 236, "#ffe7ad", radius=3)
        for wheel in (24, 90):
            c.oval(left + wheel, 262, 10, 10, INK)
    c.box(engine + 78, 196, engine + 136, 258, "#20513f", radius=4)
    c.box(engine + 70, 188, engine + 144, 198, "#173c30", radius=3)
    c.box(engine + 92, 206, engine + 122, 228, "#ffe7ad", radius=3)
    c.box(engine + 4, 216, engine + 90, 256, "#2b6a52", radius=14)
    c.box(engine + 26, 190, engine + 42, 220, INK, radius=2)
    c.oval(engine + 62, 215, 9, 8, AMBER)
    c.polygon([(engine - 14, 266), (engine + 8, 246), (engine + 8, 266)], "#b8433a")
    for number, wheel in enumerate((20, 48, 76, 112)):
        radius = 13 if number < 3 else 10
        turn = -t * 3.2
        c.oval(engine + wheel, 260, radius, radius, INK)
        tip = (engine + wheel + radius * 0.7 * math.cos(turn), 260 + radius * 0.7 * math.sin(turn))
        c.line([(engine + wheel, 260), tip], "#c9ccd2", 2.4)
    _viaduct(c)
    place_tag(c, t, "10:15", "West Valley")
    return c.finished()


def _viaduct(c: Canvas) -> None:
    c.box(0, 270, WIDTH, 292, "#c8b394")
    c.box(0, 268, WIDTH, 275, "#a8906f")
    for arch in range(-1, 8):
        x = arch * 122 + 30
        c.box(x, 290, x + 28, HEIGHT, "#b9a281")
        c.box(x + 18, 290, x + 28, HEIGHT, "#a48c6a")
        ring = [(x + 75 + 47 * math.cos(a), 340 - 48 * math.sin(a)) for a in (math.pi * k / 20 for k in range(21))]
        c.polygon([(x + 122, 340), (x + 122, 290), (x + 28, 290), (x + 28, 340), *reversed(ring)], "#c8b394")
    c.polygon([(0, 440), (280, 424), (600, 436), (854, 418), (854, 480), (0, 480)], "#3f7856")


@cache
def _square() -> Canvas:
    c = Canvas.gradient((0, "#8ecae6"), (0.6, "#fdf3dc"))
    for house, colour in enumerate(("#d98b6a", "#e9c46a", "#8fb3a3", "#c97b84", "#e0b08a", "#7fa0b8")):
        left, roof = house * 148 - 20, 120 + 40 * noise(house + 11)
        c.box(left, roof, left + 140, 400, colour)
        c.polygon([(left - 8, roof), (left + 70, roof - 56), (left + 148, roof)], "#7a4a41")
        for window in range(4):
            x, y = left + 26 + window % 2 * 62, roof + 24 + window // 2 * 66
            c.box(x, y, x + 28, y + 40, "#f7f1e3", radius=2)
            c.box(x + 3, y + 3, x + 25, y + 37, "#6d8ea0", radius=1)
    c.box(0, 392, WIDTH, HEIGHT, "#b8ab98")
    for stone in range(60):
        spot, top = noise(stone + 40) * WIDTH, 400 + noise(stone + 140) * 76
        c.box(spot, top, spot + 30, top + 5, "#a99b87", radius=2.5)
    return c


def market(t: float) -> Image.Image:
    """A stall with its prices under a striped awning; bunting moves in the wind."""
    c = _square().copy()
    for row, (height, shift) in enumerate(((56, 0.0), (86, 1.7))):
        rope = [
            (x, height + 22 * math.sin(math.pi * x / WIDTH) + 2 * math.sin(t * 1.6 + x / 90 + shift))
            for x in range(0, WIDTH + 1, 14)
        ]
        c.line(rope, WHITE, 1.5)
        for flag, (x, y) in enumerate(rope[1:-1:3]):
            colour = (CORAL, AMBER, "#2f7f86", WHITE)[(flag + row) % 4]
            sway = 3.5 * math.sin(t * 3 + flag + shift)
            c.polygon([(x - 9, y), (x + 9, y), (x + sway, y + 20)], colour)
    _seller(c, t)
    for post in (128, 718):
        c.box(post, 170, post + 10, 452, "#6b4a32")
    for stripe in range(12):
        left = 104 + stripe * 54
        dip = 188 + 4 * math.sin(t * 2 + stripe * 0.6)
        colour = CORAL if stripe % 2 == 0 else "#fff6e6"
        c.polygon(
            [(left + 20 - stripe * 3.3, 128), (left + 71 - stripe * 3.3, 128), (left + 54, dip), (left, dip)], colour
        )
        c.oval(left + 27, dip, 27, 13, colour)
    c.box(112, 340, 744, 356, "#8a5f3d", radius=3)
    c.box(124, 356, 732, 456, "#a87850")
    for plank in range(1, 4):
        c.line([(124, 356 + plank * 25), (732, 356 + plank * 25)], "#8f6340", 1.5)
    for number, (name, price) in enumerate(PRICES):
        x = 202 + number * 150
        _goods(c, number, x)
        c.box(x - 68, 372, x + 68, 426, "#2b2f33", radius=6)
        c.text((x - 60, 400), name, 18, WHITE, anchor="lm", weight=0.3)
        c.text((x + 60, 400), price, 20, AMBER, anchor="rm", weight=0.5)
    place_tag(c, t, "11:30", "Market Square")
    return c.finished()


def _seller(c: Canvas, t: float) -> None:
    x, y = 428 + 60 * math.sin(t * 0.45), 258 + 2 * math.sin(t * 2.2)
    c.oval(x, y + 92, 50, 70, "#3f6f8c")
    c.box(x - 26, y + 48, x + 26, y + 120, "#f3efe6", radius=6)
    c.box(x - 10, y + 18, x + 10, y + 44, "#d79a76", radius=5)
    c.oval(x, y, 27, 31, "#e8b08c")
    c.polygon([(x - 28, y - 8), (x + 28, y - 8), (x + 20, y - 38), (x - 20, y - 38)], "#d8b36a")
    c.oval(x, y - 9, 44, 6, "#c59c52")
    for side in (-9, 9):
        c.oval(x + side, y + 2, 2.4, 2.8, INK)
    c.line([(x - 8, y + 15), (x, y + 18), (x + 8, y + 15)], "#8c3b38", 2)


def _goods(c: Canvas, number: int, x: float) -> None:
    if number == 1:
        for jar in (-42, 0, 42):
            c.box(x + jar - 15, 302, x + jar + 15, 340, "#e89b26", radius=5)
            c.box(x + jar - 16, 294, x + jar + 16, 304, "#fff3d6", radius=2)
        return
    for item in range(7):
        left, top = x - 48 + item % 4 * 32 + (16 if item > 3 else 0), 326 - (22 if item > 3 else 0)
        if number == 0:
            c.oval(left, top, 15, 14, ("#cf3c36", "#d9523f", "#b9d056")[item % 3])
            c.line([(left, top - 12), (left + 4, top - 19)], "#5a4630", 2)
        elif number == 2:
            c.oval(left, top + 2, 21, 12, "#c98a4b")
            c.line([(left - 7, top - 4), (left - 1, top + 4)], "#f0cf9c", 2.4)
            c.line([(left + 4, top - 5), (left + 9, top + 3)], "#f0cf9c", 2.4)
        else:
            c.oval(left, top + 4, 23, 8, "#8fa7b8")
            c.polygon([(left + 18, top + 4), (left + 30, top - 5), (left + 30, top + 13)], "#7890a3")
            c.oval(left - 13, top + 2, 1.8, 1.8, INK)


@cache
def _paper() -> Canvas:
    c = Canvas.gradient((0, CREAM), (1, "#efdfc2"))
    c.box(0, 0, 22, HEIGHT, "#2f7f86")
    c.box(22, 0, 28, HEIGHT, AMBER)
    c.text((76, 112), RULES_TITLE, 50, NAVY, weight=1)
    c.box(78, 134, 190, 140, CORAL, radius=3)
    c.oval(690, 300, 124, 124, "#8ecae6")
    rim = [(690 + 124 * math.cos(a), 300 + 124 * math.sin(a)) for a in (math.pi * k / 40 for k in range(41))]
    c.polygon(rim, "#4a97b3")
    c.polygon(
        [(640, 413), (646, 372), (664, 346), (676, 300), (712, 290), (744, 330), (756, 404), (700, 423)], "#5b6b62"
    )
    c.polygon([(676, 300), (712, 290), (744, 330), (700, 320)], "#7ba36c")
    return c


def rules(t: float) -> Image.Image:
    """A slide whose points come in one after the other; a gull circles over the cliffs."""
    c = _paper().copy()
    for number, (start, text) in enumerate(RULES):
        shown = ease((t - start) / 0.5)
        if shown <= 0:
            continue
        y, x = 206 + number * 78, 100 + 24 * (1 - shown)
        c.oval(x, y, 21, 21, "#2f7f86", shown)
        c.text((x, y), str(number + 1), 24, WHITE, alpha=shown, anchor="mm", weight=0.6)
        c.text((x + 40, y), text, 30, INK, alpha=shown, anchor="lm", weight=0.2)
    for bird in range(3):
        turn = t * 0.5 + bird * 2.1
        gull(c, 690 + 78 * math.cos(turn), 246 + 24 * math.sin(turn * 1.3), 13 - bird, t + bird * 0.7, WHITE)
    return c.finished()


@cache
def _boards() -> Canvas:
    c = Canvas.gradient((0, "#9a6f4a"), (1, "#85603f"))
    for plank in range(9):
        y = plank * 56
        c.box(0, y, WIDTH, y + 2.4, "#6d4c31")
        for grain in range(5):
            x, line = noise(plank * 9 + grain) * 700, y + 10 + grain * 9
            c.line([(x, line), (x + 90 + 120 * noise(grain + plank), line + 1.5)], "#7a5638", 1.3)
    for x, y, wide, high, colour in (
        (26, 60, 120, 170, "#dfe8e4"),
        (712, 250, 120, 150, "#f3d9a4"),
        (720, 40, 110, 120, "#d9d3e6"),
    ):
        c.box(x + 4, y + 5, x + wide + 4, y + high + 5, "#3d2a1a", 0.35)
        c.box(x, y, x + wide, y + high, colour)
        c.oval(x + wide / 2, y + 10, 5, 5, "#3f7f86")
    return c


def notice(t: float) -> Image.Image:
    """A notice about a lost cat on a wooden board; its lower corner lifts in the wind."""
    c = _boards().copy()
    lift = 6 + 5 * math.sin(t * 2.1) + 3 * math.sin(t * 3.7)
    c.polygon([(196, 32), (668, 32), (668, 456), (196, 456)], "#3d2a1a", 0.4)
    c.polygon([(188, 24), (658, 24), (658, 444 - lift * 2.4), (658 - lift * 2.4, 444), (188, 444)], "#fffdf5")
    c.polygon([(658, 444 - lift * 2.4), (658 - lift * 2.4, 444), (652 - lift * 2, 438 - lift * 2)], "#d8d2c0")
    c.oval(423, 38, 8, 8, CORAL)
    c.text((423, 86), LOST[0], 50, CORAL, anchor="mm", weight=1.5, spacing=4)
    x, y = 423, 210
    c.oval(x, y + 44, 62, 40, "#8c939c")
    tail = [(x + 54, y + 56), (x + 92, y + 44), (x + 100, y + 8), (x + 88 + 6 * math.sin(t * 2), y - 14)]
    c.line(tail, "#8c939c", 14)
    c.oval(x - 30, y - 6, 42, 38, "#9aa1aa")
    for side in (-1, 1):
        c.polygon([(x - 30 + side * 38, y - 8), (x - 30 + side * 32, y - 58), (x - 30 + side * 8, y - 36)], "#9aa1aa")
        c.oval(x - 30 + side * 16, y - 10, 7, 1.4 if t % 4 < 0.2 else 8, "#cbe06c")
        c.oval(x - 30 + side * 16, y - 10, 2.2, 1.4 if t % 4 < 0.2 else 6, INK)
        for hair in (-4, 4):
            c.line([(x - 30 + side * 14, y + 10), (x - 30 + side * 52, y + 8 + hair)], "#6d747d", 1.2)
    c.polygon([(x - 35, y + 5), (x - 25, y + 5), (x - 30, y + 11)], "#d58b8b")
    for paw, colour in ((-44, WHITE), (-8, "#9aa1aa")):
        c.oval(x + paw, y + 80, 17, 11, "#7c838c")
        c.oval(x + paw, y + 79, 16, 10, colour)
    c.text((423, 330), LOST[1], 25, INK, anchor="mm")
    c.text((423, 364), LOST[2], 25, INK, anchor="mm")
    c.text((423, 412), LOST[3], 31, NAVY, anchor="mm", weight=0.8)
    return c.finished()


@cache
def _storm_sky() -> Canvas:
    c = Canvas.gradient((0, "#12161f"), (0.5, "#333d4b"), (0.7, "#56616b"))
    for number in range(16):
        cloud(c, noise(number + 70) * WIDTH, 10 + noise(number + 90) * 110, 46, "#1b212c", 0.75)
    return c


def storm(t: float) -> Image.Image:
    """A storm at sea, rain, and what is left of a bridge."""
    c = _storm_sky().copy()
    for number in range(6):
        cloud(c, (noise(number) * 1100 + t * (16 + 4 * number)) % 1180 - 160, 34 + number * 15, 54, "#252c38", 0.8)
    strike = t % 6.2 - 2.2
    if 0 <= strike < 0.5:
        bolt = [(610, 96), (590, 158), (612, 162), (578, 232), (602, 236), (566, 318)]
        c.line(bolt, "#fff6cf", 4, 1 - strike / 0.5)
        c.glow(596, 190, 150, "#c9d6f2", 0.4 * (1 - strike / 0.5))
    sea(c, t * 1.7, 300, ("#3c4a58", "#303e4c"), height=9)
    for side in (-1, 1):
        _half_bridge(c, WIDTH / 2 + side * 70, side)
    sea(c, t * 2.1, 352, ("#283543", "#202c39", "#18222d"), height=14)
    for drop in range(150):
        fall = (noise(drop) + t * (1.1 + 0.5 * noise(drop + 300))) % 1
        x, y = noise(drop + 600) * (WIDTH + 160) - fall * 150, fall * (HEIGHT + 40) - 30
        c.line([(x, y), (x - 6, y + 20)], "#c6d2de", 1, 0.34)
    return c.finished()


def _half_bridge(c: Canvas, end: float, side: int) -> None:
    stone = "#171c25"
    c.polygon([(end, 262), (end - side * 24, 236), (end + side * 400, 236), (end + side * 400, 262)], stone)
    c.polygon([(end, 262), (end + side * 10, 276), (end + side * 22, 262)], stone)
    for arch in range(3):
        near, far = end + side * (34 + arch * 132), end + side * (166 + arch * 132)
        ring = [
            (near + (far - near) * (0.5 - 0.42 * math.cos(math.pi * k / 16)), 352 - 84 * math.sin(math.pi * k / 16))
            for k in range(17)
        ]
        c.polygon(
            [(near, 400), (near, 250), (far, 250), (far, 400), (ring[-1][0], 400), *reversed(ring), (ring[0][0], 400)],
            stone,
        )


@cache
def _stars() -> Canvas:
    c = Canvas.gradient((0, "#070b1c"), (0.6, "#152349"), (0.92, "#33507a"))
    c.milky_way((-40, 60), (WIDTH, 330), 58, "#a9b8e8", 0.34)
    for star in range(420):
        x, y = noise(star + 1000) * WIDTH, noise(star + 2000) ** 1.25 * 390
        size = 0.6 + 1.3 * noise(star + 3000) ** 5
        c.oval(x, y, size, size, WHITE, 0.35 + 0.6 * noise(star + 4000))
    return c


def night(t: float) -> Image.Image:
    """The night sky over a small observatory; a bright point moves across it."""
    c = _stars().copy()
    for star in range(12):
        shine = 0.5 + 0.5 * math.sin(t * 2.4 + star * 1.9)
        c.oval(noise(star + 7000) * WIDTH, noise(star + 8000) * 260, 1.8, 1.8, "#fff3d0", shine)
    x, y = 60 + t * 46, 262 - 150 * math.sin(math.pi * (60 + t * 46) / 1000)
    for step in range(14):
        back = step * 4
        c.oval(x - back, y + back * 0.32, 2.4 - step * 0.15, 2.4 - step * 0.15, "#ffffff", 0.6 * (1 - step / 14))
    c.glow(x, y, 16, "#ffffff", 0.8)
    c.oval(x, y, 3, 3, WHITE)
    hills(c, 440, 46, 760, 0.72, "#0b1226")
    c.box(588, 336, 700, 420, "#101a33", radius=2)
    c.oval(644, 338, 58, 52, "#17244a")
    c.box(586, 336, 702, 346, "#1f3060", radius=3)
    c.polygon([(620, 296), (632, 286), (652, 330), (640, 336)], "#070b1c")
    c.polygon([(606, 268), (622, 260), (648, 318), (634, 324)], "#46598c")
    c.box(634, 372, 656, 410, "#ffd27a", 0.85, radius=2)
    place_tag(c, t, "23:10", "Old Observatory")
    return c.finished()


@cache
def _dark() -> Canvas:
    c = Canvas.gradient((0, "#0b1226"), (1, "#152349"))
    for star in range(90):
        c.oval(noise(star + 50) * WIDTH, noise(star + 950) * HEIGHT, 0.8, 0.8, WHITE, 0.25)
    return c


def names(t: float) -> Image.Image:
    """The names, one after the other."""
    c = _dark().copy()
    for number, (role, name) in enumerate(CREDITS):
        shown = ease((t - CREDITS_AT - number * CREDITS_STEP) / 0.7)
        y = 96 + number * 84 + 12 * (1 - shown)
        c.text((404, y), role, 21, "#9fb2d8", alpha=shown, anchor="rm")
        c.text((432, y), name, 31, WHITE, alpha=shown, anchor="lm", weight=0.4)
    shown = ease((t - CREDITS_AT - len(CREDITS) * CREDITS_STEP) / 0.8)
    c.text((WIDTH / 2, 436), "Thank you for watching", 21, AMBER, alpha=shown, anchor="mm", spacing=2)
    return c.finished()
