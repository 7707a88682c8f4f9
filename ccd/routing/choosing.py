"""Choosing one of the free agents by the queue's strategy.

Who could take the interaction is a set of bits. For an order by state all who have room sit in one line;
it is walked from its head until it meets one of the set, or, when the set is small, the set itself is
walked: with N free and n of them able, about min(n, N / n) steps.
"""

from ccd.routing.ability import Ability, Bits, all_numbers_of, numbers_of
from ccd.routing.desk import Desk, FreeLines, Seat
from ccd.routing.queues import QueueIndex
from ccd.routing.strategies import BY_STATE, ByState, Candidate, best_skill, chance_of, top_down

FEW = 12
"""Sets up to this size are walked themselves."""
PATIENCE = 8
"""The line is walked for this many times the steps that it should take; then the set is walked."""

MOST_UNSETTLED = 16
"""So many desks wait at most to be put into the lines."""


class Choosing:
    """The lines of the free, one for each order by state that a queue uses."""

    __slots__ = ("_by_number", "_lines", "_orders", "_unsettled", "_width")

    def __init__(self, by_number: list[Desk], lines: FreeLines) -> None:
        self._by_number = by_number
        self._width = (len(by_number) + 7) // 8
        self._lines = lines
        self._unsettled: dict[int, Desk] = {}
        self._orders: list[tuple[str, ByState]] = [(name, BY_STATE[name]) for name in lines]

    def seat(self, desk: Desk) -> None:
        """Keep a desk in the lines while it has room for anything, where its state puts it.

        Done a little later: an agent who gets free mostly takes the next work in the same turn.
        """
        self._unsettled[desk.number] = desk
        if len(self._unsettled) > MOST_UNSETTLED:
            self._settle()

    def _settle(self) -> None:
        for desk in self._unsettled.values():
            self._put(desk)
        self._unsettled.clear()

    def _put(self, desk: Desk) -> None:
        seats = desk.seats
        for name, order in self._orders:
            old = seats.get(name)
            new: Seat | None = None
            if desk.room_for:
                new = (*order(desk.state, desk.room()), desk.number)
            if old == new:
                continue
            line = self._lines[name]
            if old is not None:
                line.remove(old)
                del seats[name]
            if new is not None:
                line.add(new)
                seats[name] = new

    def choose(self, queue: QueueIndex, ability: Ability, free: Bits, offer: int) -> Desk:
        """The first of a set that is not empty. `offer`: number of the offer, for chance."""
        strategy = queue.by_candidate
        if not free & (free - 1):
            return self._by_number[free.bit_length() - 1]
        if strategy is None:
            return self._by_state(queue.by_state, free)
        if strategy is top_down:
            return self._from_the_top(queue, free)
        if strategy is best_skill:
            return self._by_level(ability, free)
        return self._by_number[
            min(
                (strategy(self._candidate(queue, ability, number, offer)), number)
                for number in all_numbers_of(free)
            )[1]
        ]

    def _by_state(self, name: str, free: Bits) -> Desk:
        self._settle()
        line = self._lines[name]
        first = line.first()
        if first is not None and free >> first[2] & 1:
            return self._by_number[first[2]]
        count = free.bit_count()
        if count > FEW:
            steps = PATIENCE * (len(line) // count + 1)
            mask = free.to_bytes(self._width, "little")
            for _, _, number in line:
                if mask[number >> 3] >> (number & 7) & 1:
                    return self._by_number[number]
                steps -= 1
                if not steps:
                    break
        numbers = numbers_of(free) if count <= FEW else all_numbers_of(free)
        desks = self._by_number
        return desks[min([desks[number].seats[name] for number in numbers])[2]]

    def _from_the_top(self, queue: QueueIndex, free: Bits) -> Desk:
        """In the order in which the queue names them; who is not named comes after, by name."""
        mask = free.to_bytes(self._width, "little")
        for number in queue.stages.listed:
            if mask[number >> 3] >> (number & 7) & 1:
                return self._by_number[number]
        return self._by_number[(free & -free).bit_length() - 1]

    def _by_level(self, ability: Ability, free: Bits) -> Desk:
        """The best by level, then the longest in line."""
        for able in ability.by_level(self._skills):
            if able & free:
                free &= able
                break
        return self._by_state("longest_idle", free)

    def _skills(self, number: int) -> dict[str, int]:
        return self._by_number[number].rule.skills

    def _candidate(self, queue: QueueIndex, ability: Ability, number: int, offer: int) -> Candidate:
        desk = self._by_number[number]
        name = desk.state.name
        skills = desk.rule.skills
        listed = queue.stages.listed
        return Candidate(
            agent=desk.state,
            rule=desk.rule,
            room=desk.room(),
            number=listed.get(number, len(listed) + number),
            level=sum([skills.get(skill, 0) for skill in ability.requirement.skills]),
            weight=queue.rule.weights.get(name, 1),
            chance=chance_of(offer, name),
        )
