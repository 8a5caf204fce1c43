"""Generated logs: lines of a busy world, the same ones in every run."""

import random
from collections.abc import Iterator
from itertools import accumulate

#: Size of the vocabulary and its skew: the most common word is in every fourth line.
WORDS = 20_000
SYLLABLES = "ka lo mi ne ru sta ver ton dia mond cree per red sto ne wa ter por tal en der".split()
PLAYERS = 200
#: 0: the next line has the same second, so the number of lines a second varies.
GAPS = (0, 0, 1, 1, 2, 5)


def vocabulary(chance: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < WORDS:
        found["".join(chance.choices(SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4))))] = None
        found[f"w{len(found)}"] = None
    return list(found)


def chats(count: int, seed: int = 1) -> Iterator[tuple[int, str, str]]:
    """Yield second, player and text of a number of chats in order."""
    chance = random.Random(seed)
    words = vocabulary(chance)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    second = 0
    for _ in range(count):
        second += chance.choice(GAPS)
        some = chance.choices(words, cum_weights=weights, k=chance.randrange(2, 10))
        yield second, f"player{chance.randrange(PLAYERS)}", " ".join(some)


def lines(count: int, seed: int = 1) -> Iterator[str]:
    """Yield lines of a vanilla log; nine of ten are chats."""
    for number, (second, player, text) in enumerate(chats(count, seed)):
        clock = f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"
        head = f"[{clock}] [Server thread/INFO]: "
        match number % 60:
            case 0:
                yield f"{head}{player}[/192.0.2.7:53806] logged in with entity id 13 at (-6.5, 63.0, 23.5)"
            case 1:
                yield f"{head}{player} joined the game"
            case 2:
                yield f"{head}{player} lost connection: Disconnected"
            case 3:
                yield f"{head}{player} left the game"
            case 4:
                yield f"{head}{player} was slain by Zombie using [Iron Sword]"
            case 5:
                yield f"{head}{player} has made the advancement [Stone Age]"
            case _:
                yield f"{head}<{player}> {text}"
