"""How a tree of folders is read: which level names the sets, the classes and the sources."""

from collections import Counter
from collections.abc import Sequence

from featex.class_levels import Place, classes
from featex.errors import InputError
from featex.meanings import class_in, plain, set_and_rest, sets_of, split_name
from featex.set_levels import Item, inside_lone_folders, refuse_copies, sets_at_the_top, sets_below, sets_with_classes

WORDS = ("set", "class", "source", "set_class", "*", "**")


def read(folders: Sequence[tuple[str, ...]], images: Sequence[int], where: str, layout: str | None) -> list[Place]:
    """Return label, split and source of every folder that holds images.

    Sets are known by their usual names. Classes are the folder names that stand for real and generated images where
    there are such, and else those of the first level below a set; a level whose folders all share the same names may
    be the classes too, so both readings are shown to the user, who chooses with `layout`.

    Parameters
    ----------
    folders : sequence of tuple of str
        The names from the top down to a folder that holds images, each once; () for the top.
    images : sequence of int
        How many images each holds.
    where : str
        The top folder, for messages.
    layout : str, optional
        What each level says, such as "set/class"; see `by_layout`.

    Raises
    ------
    InputError
        If there are several readings, or none.
    """
    items = [Item(tuple(plain(part) for part in parts), n) for parts, n in zip(folders, images, strict=True)]
    if layout is not None:
        return by_layout(items, layout, where)
    top = inside_lone_folders(items)
    where = "/".join([where.rstrip("/"), *top])
    refuse_copies(items, where)
    if not (sets_with_classes(items) or sets_at_the_top(items, where)):
        sets_below(items, where)
    classes(items, where)
    return [(item.label, item.split, item.source) for item in items]


def sets_of_folders(folders: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the set that the names of folders say, for each; "" for all where they name fewer than two.

    For images whose labels are known from a table.
    """
    items = [Item(tuple(plain(part) for part in parts), 1) for parts in folders]
    inside_lone_folders(items)
    if not sets_with_classes(items):
        tops = sets_of({item.parts[0] for item in items if item.parts})
        for item in items:
            deeper = next((split_name(part) for part in item.parts if split_name(part)), "")
            item.split = tops.get(item.parts[0], item.parts[0]) if tops and item.parts else deeper
    sets = [item.split for item in items]
    return sets if len({*sets} - {""}) > 1 else [""] * len(items)


def by_layout(items: list[Item], layout: str, where: str) -> list[Place]:
    """Return the places that a layout says, a word for each level from the top.

    ``set``, ``class`` and ``source`` say what a folder's name is; ``set_class`` is a name with both (`train_real`);
    ``*`` is a folder that says nothing, ``**`` any number of folders, which are kept as the source. Folders below the
    last word are kept as the source too. Lone folders around all the others are passed over first.
    """
    wanted = layout.strip("/").split("/")
    repeated = [word for word, n in Counter(wanted).items() if n > 1 and word in ("set", "class", "set_class", "**")]
    if unknown := [word for word in wanted if word not in WORDS]:
        raise InputError(
            f"the layout {layout!r} has {unknown[0]!r}; its words are {', '.join(WORDS)}, with / between them"
        )
    if repeated or ("set_class" in wanted and {"set", "class"} & {*wanted}):
        raise InputError(f"the layout {layout!r} names a level twice; write one set and one class at most")
    levels = [word for word in wanted if word != "**"]
    while all(len(item.parts) > len(levels) for item in items) and len(tops := {item.parts[0] for item in items}) == 1:
        if wanted[0] == "set" and set_and_rest(tops.pop())[0]:
            break
        for item in items:
            item.parts = item.parts[1:]
    sets = sets_of({name for item in items for word, name in _matched(item, wanted) if word in ("set", "set_class")})
    for item in items:
        matched = _matched(item, wanted)
        source = []
        for word, name in matched:
            if word in ("set", "set_class"):
                item.split = sets.get(name, name)
            if word == "set_class":
                item.split = set_and_rest(name)[0] or item.split
                item.label = class_in(name) if set_and_rest(name)[0] else ""
            elif word == "class":
                item.label = name
            elif word in ("source", "**"):
                source.append(name)
        first = [item.label] if item.label and wanted.index("class" if "class" in wanted else "set_class") <= 1 else []
        item.source = "/".join(source if {"source", "**"} & {*wanted} else [*first, *source])
    if "class" in layout and not any(item.label for item in items):
        raise InputError(f"no folder of {where!r} is deep enough for the layout {layout!r}; leave levels out")
    return [(item.label, item.split, item.source) for item in items]


def _matched(item: Item, wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of a layout's word and the folder that it stands for; "**" for folders below the last."""
    parts, words = list(item.parts), list(wanted)
    if "**" in words:
        at = words.index("**")
        between = max(0, len(parts) - len(words) + 1)
        words[at : at + 1] = ["**"] * between
    words += ["**"] * (len(parts) - len(words))
    return list(zip(words, parts, strict=False))
