"""Consoles of hosted worlds: commands and chat that are sent, lines that are taken in (hosting.md, 7)."""

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.worlds import queue_console_command, send_chat
from coalserver.core.queries.worlds import online_visitors, queued_commands
from coalserver.domain.minecraft.hosting.hosted_world import Wanted
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.visitor import SentChat
from coalserver.hosting.console import FLOOD_LINES, FLOOD_SECONDS, FloodGate
from coalserver.hosting.keeper_client import adopt_keeper
from tests.hosting.worlds import Worlds


async def test_commands_wait_for_ready_and_are_written_in_their_order(worlds: Worlds) -> None:
    world = await worlds.add("--start-seconds", "0.3")
    for text in ("say one", "/say two", "say three"):
        await worlds.core.execute(queue_console_command, world_id=world, text=text)
    await worlds.play(world)
    await worlds.wait_for_text(world, "[Server] three")
    said = [text.partition("[Server] ")[2] for text in worlds.texts(world) if "[Server] " in text]
    assert said == ["one", "two", "three"]
    await worlds.until(lambda: not worlds.core.query(queued_commands, world=world))


async def test_chat_is_said_under_the_name_of_its_author_and_stored_once(worlds: Worlds) -> None:
    world = await worlds.add()
    account = await worlds.core.execute(
        create_account,
        email="ada@example.org",
        password="correct horse",
        nickname="Ada",
        active=True,
    )
    await worlds.play(world)
    await worlds.core.execute(
        send_chat, world_id=world, account_id=account.id, text="hello " + "x" * 400
    )
    await worlds.wait_for_text(world, "<Ada> hello")
    await worlds.until(lambda: any("<Ada>" in line.line for line in worlds.stored(world)))
    (line,) = (line for line in worlds.stored(world) if "<Ada>" in line.line)
    assert line.line.endswith("[Server] <Ada> hello " + "x" * 244)
    assert line.account == account.id
    assert not worlds.core.state.find(SentChat, "world", world)


async def test_old_chat_is_not_said(worlds: Worlds) -> None:
    world = await worlds.add()
    account = await worlds.core.execute(
        create_account,
        email="ada@example.org",
        password="correct horse",
        nickname="Ada",
        active=True,
    )
    await worlds.core.execute(send_chat, world_id=world, account_id=account.id, text="too late")
    await worlds.core.execute(queue_console_command, world_id=world, text="say still here")
    worlds.clock_ahead += 301
    await worlds.play(world)
    await worlds.wait_for_text(world, "still here")
    await worlds.until(lambda: not worlds.core.query(queued_commands, world=world))
    assert not any("too late" in text for text in worlds.texts(world))


async def test_operator_and_game_rules_are_sent_once_ready(worlds: Worlds) -> None:
    properties = {"operator": "Ada", "white_list": True, "pvp": False}
    world = await worlds.add("--style", "26", properties=properties, minecraft="26.3")
    await worlds.play(world)
    await worlds.wait_for_text(world, "Gamerule pvp is now set to: false")
    await worlds.wait_for_text(world, "Added Ada to the whitelist")
    await worlds.order(world, "restart")
    await worlds.wait_for_text(world, "Gamerule pvp is now set to: false", 2)
    assert sum("Made Ada a server operator" in text for text in worlds.texts(world)) == 1


async def test_service_that_is_replaced_loses_no_line(worlds: Worlds) -> None:
    world = await worlds.add("--then", "fork", "--then", "binary", "--then", "long 100000")
    await worlds.play(world)
    child = worlds.child(world)
    for round_ in range(3):
        await worlds.restart()
        await worlds.wait_for_text(world, "fork line", 10 * (round_ + 1))
    assert (worlds.child(world), worlds.status(world)) == (child, "running")
    await worlds.write(world, "say back")
    await worlds.wait_for_text(world, "[Server] back")
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    await worlds.assert_complete(world)


async def test_world_that_became_ready_meanwhile_is_running(worlds: Worlds) -> None:
    world = await worlds.add("--start-seconds", "0.5")
    await worlds.order(world, "play")
    await worlds.wait_for(world, "loaded")
    await worlds.close()
    await worlds.wait_for_text(world, "Done (")
    await worlds.open()
    await worlds.wait_for(world, "running")


async def test_world_that_stopped_meanwhile_is_stopped(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    state = worlds.state(world)
    await worlds.close()
    client = await adopt_keeper(worlds.files(world).run, state.run)
    await client.write("fake stop")
    await client.close()
    await worlds.until(lambda: not worlds.state(world).keeper_lives)
    await worlds.open()
    await worlds.wait_for(world, "stopped")
    assert worlds.state(world).run == state.run
    assert worlds.hosted(world).wanted is Wanted.PAUSE
    await worlds.assert_complete(world)


async def test_saving_that_was_left_off_is_switched_on(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await worlds.write(world, "save-off")
    await worlds.wait_for_text(world, "Automatic saving is now disabled")
    process = worlds.hosting.process(world)
    assert process is not None and process.client is not None
    await process.client.mark("save_off", True)
    await worlds.restart()
    await worlds.wait_for_text(world, "Automatic saving is now enabled")
    await worlds.until(lambda: worlds.state(world).marks == {})


async def test_shutdown_stops_all_worlds_at_once_and_they_stay_wanted(worlds: Worlds) -> None:
    both = [await worlds.add("--save-seconds", "0.5"), await worlds.add("--save-seconds", "0.5")]
    for world in both:
        await worlds.play(world)
    await worlds.close(leave=False)
    for world in both:
        assert worlds.status(world) == "queued_start"
        await worlds.assert_complete(world)
    ends = [worlds.state(world).exit for world in both]
    assert all(ends)
    await worlds.open()
    for world in both:
        await worlds.wait_for(world, "running")


def test_flood_lets_only_recognised_lines_through() -> None:
    gate, at = FloodGate(), 1000.0
    for _ in range(FLOOD_LINES * FLOOD_SECONDS):
        assert gate.admits(at, LineKind.UNKNOWN)
    assert not gate.admits(at, LineKind.UNKNOWN)
    assert gate.admits(at, LineKind.CHAT)
    assert gate.take_note(at) == 1
    assert not gate.admits(at + 1, LineKind.CONTINUATION)
    # One note a minute.
    assert gate.take_note(at + 1) == 0
    assert gate.admits(at + FLOOD_SECONDS + 1, LineKind.UNKNOWN)
    assert gate.take_note(at + FLOOD_SECONDS + 1) == 1
    assert gate.dropped == 0


async def test_flood_is_taken_in_with_a_note(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await worlds.write(world, "fake flood 13000")
    await worlds.wait_for_text(world, "flood 12999")
    await worlds.write(world, "fake chat Ada hello")
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    stored = worlds.stored(world)
    texts = {line.number: line.text for line in worlds.lines(world)}
    notes = [line.line for line in stored if line.line.startswith("coalserver: ")]
    assert notes and all("lines were not stored: more than 200 a second" in note for note in notes)
    kept = [line for line in stored if not line.line.startswith("coalserver: ")]
    assert all(texts[line.sequence] == line.line for line in kept)
    assert any("<Ada> hello" in line.line for line in kept)
    noted = sum(int(note.split()[1]) for note in notes)
    assert len(kept) <= len(texts) - noted < len(texts)


async def test_lines_of_a_world_say_nothing_about_another(worlds: Worlds) -> None:
    forger = await worlds.add("--then", "join Ada")
    other = await worlds.add(name="Other")
    await worlds.play(other)
    await worlds.play(forger)
    await worlds.until(lambda: worlds.core.query(online_visitors, world=forger))
    assert not worlds.core.query(online_visitors, world=other)
    await worlds.until(lambda: any("joined" in one.line for one in worlds.stored(forger)))
    assert not any("joined" in one.line for one in worlds.stored(other))


async def test_readers_of_a_console_at_different_places_get_each_line_once(worlds: Worlds) -> None:
    world = await worlds.add("--then", "flood 300 10", "--then", "line the last")
    await worlds.play(world)
    await worlds.wait_for_text(world, "the last")
    await worlds.until(lambda: worlds.stored(world)[-1].line.endswith("the last"))
    expected = [line.number for line in worlds.lines(world)]
    seen: dict[int, list[int]] = {7: [], 50: [], 51: []}
    places = dict.fromkeys(seen, 0)
    for _ in range(100):
        for size in seen:
            lines, places[size] = await worlds.hosting.console(world, places[size], size)
            seen[size] += [line.number for line in lines]
    # Own polls, which are not shown, are missing from all of them alike.
    assert seen[7] == seen[50] == seen[51]
    assert len(seen[7]) > 300 and set(seen[7]) <= set(expected)
    stored = places[7]
    assert await worlds.hosting.console(world, stored, 10) == ([], stored)
    assert await worlds.hosting.console(world, stored + 1000, 10) == ([], stored + 1000)
