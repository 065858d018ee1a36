"""Find which folders of a tree name the sets, and refuse trees that would be misread."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from featex.datasets.meanings import (
    class_in,
    is_augmented,
    is_numbered,
    names_no_class,
    says_nothing,
    set_and_rest,
    sets_of,
    side,
    split_name,
    without_number,
)
from featex.errors import InputError


@dataclass
class Item:
    """One folder that holds images: its path from the top, its number of images, and how its path was read."""

    parts: tuple[str, ...]
    images: int
    split: str = ""
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    label: str = ""
    source: str = ""

    @property
    def inside(self) -> tuple[str, ...]:
        """The path without the folder of the set."""
        return self.above + self.below


def grouped(pairs: Iterable[tuple]) -> dict:
    """Return the set of values of each key."""
    values = defaultdict(set)
    for key, value in pairs:
        values[key].add(value)
    return values


def inside_lone_folders(items: list[Item]) -> list[str]:
    """Remove outer folders that contain all others and are neither a set nor a class; return their names."""
    removed = []
    while True:
        tops = {item.parts[0] for item in items if item.parts}
        if len(tops) != 1 or not all(item.parts for item in items) or all(len(item.parts) == 1 for item in items):
            return removed
        (top,) = tops
        below = {item.parts[1] for item in items if len(item.parts) > 1}
        holds_sets = len({split_name(name) for name in below} - {""}) > 1
        if not holds_sets and (split_name(top) or side(top)):
            return removed
        removed.append(top)
        for item in items:
            item.parts = item.parts[1:]


def refuse_copies(items: list[Item], where: str) -> None:
    """Raise InputError if a folder contains folders with the same names as its neighbours: a copy of the whole."""
    below: dict[tuple, set] = defaultdict(set)
    spelled = {}
    for item in items:
        for depth in range(min(len(item.parts), 4)):
            folder = tuple(part.casefold() for part in item.parts[:depth])
            spelled.setdefault(folder, "/".join([where, *item.parts[:depth]]))
            below[folder].add(item.parts[depth].casefold())
    for folder, names in sorted(below.items()):
        shared = (names & below[folder[:-1]]) - {folder[-1]} if folder else set()
        whole = [name for name in shared if len(below[(*folder, name)] & below[(*folder[:-1], name)]) > 1]
        if len(shared) > 1 or whole:
            raise InputError(
                f"{where!r} contains one data set inside another: {spelled[folder]!r} and its parent both contain "
                f"{', '.join(sorted(shared))}; name one of the two, or move one away"
            )


def sets_with_classes(items: list[Item]) -> bool:
    """Read top folders that each name a set and a class (`train_real`, `testB`); return whether they do."""
    tops = {item.parts[0] for item in items if item.parts}
    named = {top: set_and_rest(top) for top in tops}
    compound = {top: rest for top, (split, rest) in named.items() if split and rest}
    below = _below_tops(items)
    deep = {top for top in tops if below[top]}
    per_set: dict[str, set] = defaultdict(set)
    for top in compound:
        per_set[named[top][0]].add(class_in(top).casefold())
    rests = set().union(*per_set.values()) if per_set else set()
    if len(rests) < 2 or any(not named[top][0] or (top not in compound and top in deep) for top in tops):
        return False
    if all(rest.isdigit() for rest in rests) and rests != {"0", "1"}:  # parts of a set
        return False
    alike = len({without_number(rest) for rest in rests}) == 1 and rests != {"0", "1"}
    if alike and (len(per_set) == 1 or all(map(is_numbered, rests))):  # parts too: dfdc_train_part_0
        return False
    if len(per_set) > 1 and max(len(first & second) for first, second in combinations(per_set.values(), 2)) < 2:
        return False
    if len(set.intersection(*(below[top] for top in compound))) > 1:  # the classes lie one level below
        return False
    for item in items:
        if item.parts:
            item.split = named[item.parts[0]][0]
            item.label = class_in(item.parts[0]) if item.parts[0] in compound else ""
            item.source = "/".join([item.label, *item.parts[1:]]) if item.label else ""
            item.parts = ()
    return True


def _below_tops(items: list[Item]) -> dict[str, set[str]]:
    """Return the names of the folders in each top folder."""
    return grouped((item.parts[0], item.parts[1]) for item in items if len(item.parts) > 1)


def sets_at_the_top(items: list[Item], where: str) -> bool:
    """Read the top folders as sets if some have names of sets; the others are external sets. Return whether they do."""
    tops = {item.parts[0] for item in items if item.parts}
    numbered = {top for top in tops if is_numbered(top)}
    sets = sets_of(tops - numbered)
    sets |= {top: "train" for top in tops if sets and is_augmented(top)}
    strict = {top for top in sets if split_name(top)}
    deep = {item.parts[0] for item in items if len(item.parts) > 1}
    if not sets:
        return False
    if not strict and len({set_and_rest(top)[0] for top in sets}) < 2 and sets.keys() != tops:
        below = _below_tops(items)
        if len(set.intersection(*(below[top] for top in tops))) < 2:  # train_station beside bus_station
            return False
    if marked := sorted(top for top in tops - sets.keys() if names_no_class(top) and top in deep):
        raise InputError(
            f"{where!r} contains {', '.join(marked)} beside the set{'s'[: len(sets) > 1]} {', '.join(sorted(sets))}, "
            "and that is not the name of a set; move it away, or name each level of folders, as in --layout set/class"
        )
    if sets.keys() != tops and not deep & sets.keys():
        others = sorted(tops - sets.keys())
        if [top.casefold() for top in sets] == ["train"] and not any(side(top) for top in others):
            return False  # a train beside a bus and a car
        raise InputError(
            f"{where!r} contains the set {', '.join(sorted(sets))}, which has no folders for classes, beside "
            f"{', '.join(others)}; move it away and use it with classify predict, or name the level of folders: "
            "--layout class or --layout set"
        )
    for item in items:
        if item.parts:
            top = item.parts[0]
            item.split = sets.get(top) or ("train" if top in numbered else top)
            item.source = top if top in numbered else ""
            item.below = item.parts[1:]
    by_top: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_top[item.parts[0] if item.parts else ""].append(item)
    _refuse_sets_in_sets(by_top, where)
    _pass_lone_folders_of_sets(by_top)
    return True


def _refuse_sets_in_sets(by_top: dict[str, list[Item]], where: str) -> None:
    for top, group in by_top.items():
        below = {item.below[0] for item in group if item.below}
        inner = {name for name in below if split_name(name)}
        deep = {item.below[0] for item in group if len(item.below) > 1}
        other = {split_name(name) for name in inner} != {set_and_rest(top)[0]}
        if inner and ((inner == below and other) or (inner & deep and (other or inner != below))):
            raise InputError(
                f"{where!r} has sets inside a set: {top} contains {', '.join(sorted(inner))}. If {top} is the data "
                f"set, name it: featex extract {where}/{top}; otherwise name the levels, as in --layout '*/set/class'"
            )


def _pass_lone_folders_of_sets(by_top: dict[str, list[Item]]) -> None:
    """Ignore the only folder of a set if it has no meaning (`train/images`) or repeats the set (`train/train`).

    A folder with another name is ignored if it is the only one in each set and contains several folders.
    """

    def lone(group: list[Item]) -> str:
        names = {item.below[0] if item.below else "" for item in group}
        return names.pop() if len(names) == 1 else ""

    while True:
        passed = []
        for top, group in by_top.items():
            name = lone(group)
            split = set_and_rest(name)[0]
            if name and (says_nothing(name) or (split and split == set_and_rest(top)[0]) or name == top):
                passed.append(group)
        if not passed:
            named = [group for group in by_top.values() if any(item.below for item in group)]
            names = [lone(group) for group in named]
            inner = [{item.below[1] for item in group if len(item.below) > 1} for group in named]
            if named and all(names) and not any(map(side, names)) and all(len(below) > 1 for below in inner):
                passed = named
        if not passed:
            return
        for group in passed:
            for item in group:
                item.below = item.below[1:]


def sets_below(items: list[Item], where: str) -> None:
    """Read sets that lie below classes (`real/train`) or sources (`ADM/train/ai`), and remove their level."""
    children = grouped((item.parts[:at], name) for item in items for at, name in enumerate(item.parts))
    parts_of_sets = {
        folder
        for folder, names in children.items()
        if len({split_name(name) for name in names} - {""}) > 1
        or all(split_name(name) or says_nothing(name) for name in names)
    }
    inside = set()
    for item in items:
        item.below = item.parts
        for at in range(1, len(item.parts)):
            if split_name(item.parts[at]) and item.parts[:at] in parts_of_sets:
                item.split, item.above, item.below = split_name(item.parts[at]), item.parts[:at], item.parts[at + 1 :]
                inside.add(item.parts[0])
                break
    if not inside:
        return
    without = sorted({item.parts[0] for item in items if item.parts} - inside)
    if not without and (not any(item.below for item in items) or _shared_below_sets(items)):
        return
    sides = [[name for name in item.above if side(name)] for item in items]
    if not without and all(sides) and len({side(names[0]) for names in sides}) > 1:
        return
    raise InputError(
        f"{where!r} contains several data sets ({', '.join(sorted(inside))}); name one: featex extract "
        f"{where}/{min(inside)}. If they are classes or sources of one data set, use --layout class/set or --layout "
        "source/set/class"
    )


def _shared_below_sets(items: list[Item]) -> bool:
    """Read the folders below sets as classes if all sources have the same ones; return whether they do."""
    for item in items:
        while item.below and says_nothing(item.below[0]) and len(item.below) > 1:
            item.below = item.below[1:]
    names = grouped((item.above, item.below[0].casefold()) for item in items if item.below)
    if any(map(is_numbered, (part for item in items for part in item.above))):  # folds contain the same images
        return False
    union = set().union(*names.values())
    if {side(name) for name in union} != {"real", "generated"} or len(names) < 2:
        return False
    several = forks({item.above for item in items})
    for item in items:
        item.label = item.below[0] if item.below else ""
        item.source = "/".join([*telling(item.above, several), *item.below[1:]])
        item.above = item.below = ()
    return True


def forks(prefixes: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Return the folders that contain several of `prefixes`, at any depth."""
    inside = grouped((prefix[:at], name) for prefix in prefixes for at, name in enumerate(prefix))
    return {folder for folder, names in inside.items() if len(names) > 1}


def telling(prefix: tuple[str, ...], several: set[tuple[str, ...]]) -> list[str]:
    """Return those folders of a prefix that have siblings: ["ADM"] for ADM/imagenet_ai_0508_adm."""
    return [name for at, name in enumerate(prefix) if prefix[:at] in several] or list(prefix[:1])
