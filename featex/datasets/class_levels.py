"""Find which level of folders names the classes, after the sets are known; or ask the user to choose."""

from collections import Counter
from dataclasses import replace

from featex.datasets.meanings import is_numbered, names_no_class, says_nothing, side
from featex.datasets.set_levels import Item, forks, grouped, telling
from featex.errors import InputError
from featex.system.words import with_counts


def classes(items: list[Item], where: str) -> None:
    """Set the label and the source of items with folders left; raise InputError if there are two readings."""
    open_items = [item for item in items if item.inside and not item.label]
    _drop_last_that_say_nothing(open_items)
    open_items = [item for item in open_items if item.inside]
    tops = {item.inside[0] for item in open_items}
    if tops and all(map(is_numbered, tops)):
        for item in open_items:
            item.source, rest = item.inside[0], item.inside[1:]
            item.above, item.below = (), rest
        _drop_last_that_say_nothing(open_items)
        open_items = [item for item in open_items if item.inside]
    levels = _levels(open_items)
    if len(levels) > 1:
        readings = "; or ".join(_reading(items, open_items, level) for level in levels)
        raise InputError(f"{where!r} can be read in {len(levels)} ways, choose one: {readings}")
    for level in levels:
        _label(open_items, level)
    labels = sorted({item.label for item in items} - {""})
    if len(labels) > 1 and (empty := [name for name in labels if names_no_class(name)]):
        raise InputError(
            f"{where!r} would have the classes {', '.join(labels[:8])}, and {empty[0]!r} is not a class name; move the "
            "folders that are not classes away, or name each level of folders with --layout"
        )


def _drop_last_that_say_nothing(items: list[Item]) -> None:
    """Ignore an innermost folder such as "images" that has no other folder beside it."""
    changed = True
    while changed:
        beside = grouped(((item.split, item.inside[:-1]), item.inside[-1]) for item in items if item.inside)
        holding = {(item.split, item.inside) for item in items}
        around = {item.inside[:depth] for item in items for depth in range(1, len(item.inside))}
        changed = False
        for item in items:
            if not item.inside or not says_nothing(item.inside[-1]):
                continue
            outer = (item.split, item.inside[:-1])
            if len(beside[outer]) == 1 and outer not in holding and item.inside not in around:
                item.above, item.below, changed = (), item.inside[:-1], True


def _levels(items: list[Item]) -> list[int]:
    """Return the levels that may name the classes, 0 for the first, -1 for the last; only one if it is clear."""
    depths = {len(item.inside) for item in items}
    if not items:
        return []
    if max(depths) == 1:
        return [0]
    by_side = _levels_of_sides(items)
    if by_side is not None:
        return by_side
    shared = [level for level in [*range(1, max(depths)), -1] if _is_shared(items, level)]
    if -1 in shared and len(depths) == 1 and max(depths) - 1 in shared:
        shared.remove(-1)
    if not shared:
        return [0]
    firsts = grouped((item.split, item.inside[0]) for item in items)
    return [0, *shared] if any(len(names) > 1 for names in firsts.values()) else shared[:1]


def _levels_of_sides(items: list[Item]) -> list[int] | None:
    """Return the levels whose names mean real and generated images; None if no level does for all items."""
    levels = []
    for level in [*range(max(len(item.inside) for item in items)), -1]:
        names = [item.inside[level] for item in items if level < len(item.inside)]
        sides = {side(name) for name in names}
        if {"real", "generated"} <= sides and (level == 0 or (len(names) == len(items) and "" not in sides)):
            levels.append(level)
    distinct = {}
    for level in levels:
        distinct.setdefault(tuple(item.inside[level].casefold() for item in items if level < len(item.inside)), level)
    return list(distinct.values()) or None


def _is_shared(items: list[Item], level: int) -> bool:
    """Return whether most folders of the level above contain the same two or more names at this level."""
    at = [level if level >= 0 else len(item.inside) - 1 for item in items]
    names = grouped(
        ((item.split, item.inside[:n]), item.inside[n].casefold())
        for item, n in zip(items, at, strict=True)
        if 0 < n < len(item.inside)
    )
    above = {folder for _, folder in names}
    if len(above) < 2 or (level < 0 and len(items) > sum(map(len, names.values()))):
        return False
    counts = Counter(name for below in names.values() for name in below)
    common = {name for name, n in counts.items() if 2 * n > len(names)}
    if (all(name.isdigit() for name in common) and common != {"0", "1"}) or all(map(is_numbered, common)):
        return False  # numbers of videos, scenes or parts
    return len(common) > 1 and 2 * len(common) >= len(counts)


def _label(items: list[Item], level: int) -> None:
    several = forks({item.inside[:level] for item in items})
    for item in items:
        if level >= len(item.inside):
            continue
        inside, at = item.inside, level if level >= 0 else len(item.inside) - 1
        item.label = inside[at]
        if at:
            outer = [item.source] if item.source else []
            item.source = "/".join([*outer, *telling(inside[:at], several), *inside[at + 1 :]])
        else:
            item.source = item.source or "/".join(inside)


def _reading(items: list[Item], open_items: list[Item], level: int) -> str:
    """Return the `--layout` that takes the classes from a level, with the names it finds and their counts of images."""
    copies = {id(item): replace(item) for item in items}
    _label([copies[id(item)] for item in open_items], level)
    sets = "set/" if any(item.split for item in items) else ""
    layout = sets + ("**/class" if level < 0 else "source/" * level + "class")
    parts = []
    for what, field in (("sets", "split"), ("classes", "label"), ("sources", "source")):
        counts = Counter()
        for item in copies.values():
            counts[getattr(item, field)] += item.images
        del counts[""]
        if counts and (what != "sources" or "source" in layout or "**" in layout):
            parts.append(f"{what} {with_counts(sorted(counts), counts, 8)}")
    return f"--layout '{layout}': {'; '.join(parts) or 'images without labels'}"
