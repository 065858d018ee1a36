"""Meanings of folder names: a set, real or generated images, one of several numbered parts, or nothing."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from functools import cache

from featex.system.words import each_word

SPLIT_NAMES = {
    "train": (
        *("train", "training", "trainset", "traindata", "trainval", "trn"),
        *("entrenamiento", "treino", "treinamento", "entrainement", "entra\u00eenement", "addestramento"),
        *("\u8bad\u7ec3", "\u8bad\u7ec3\u96c6", "\u8a13\u7df4", "\u8a13\u7df4\u96c6", "\u5b66\u7fd2"),
    ),
    "val": (
        *("val", "valid", "validate", "validation", "dev", "valset", "devset", "validset", "validierung"),
        *("validacion", "validaci\u00f3n", "validacao", "valida\u00e7\u00e3o", "validazione"),
        *("\u9a8c\u8bc1", "\u9a8c\u8bc1\u96c6", "\u9a57\u8b49\u96c6", "\u691c\u8a3c"),
    ),
    "test": (
        *("test", "testing", "testset", "testdata", "tst", "eval", "evaluation", "heldout", "holdout"),
        *("prueba", "pruebas", "teste"),
        *("\u6d4b\u8bd5", "\u6d4b\u8bd5\u96c6", "\u6e2c\u8a66", "\u6e2c\u8a66\u96c6", "\u30c6\u30b9\u30c8"),
    ),
}
_SPLITS = {spelling: split for split, spellings in SPLIT_NAMES.items() for spelling in spellings}


# Words without meaning: ignored in the name of a set, and not classes unless other folders stand beside them.
_FILLERS = each_word(
    """
    all data database dataset datasets ds dir face faces file files final folder folders frame frames full image
    images img imgs jpeg jpg orig photo photos pic pics picture pictures png raw sequence sequences set sets split
    video videos
    """
)
_GENERATED = each_word(
    """
    ai aigc aigenerated artificial deepfake deepfakes fake faked fakes forged forgery generated gan gans manipulated
    spoof synthesis synthesised synthesized synthetic syn tampered diffusion
    """
)
_REAL = each_word(
    """
    authentic bonafide genuine human humans live natural nature original originals photograph photographs pristine
    real reals untampered
    """
)
# Names of folders that are not classes: images of any kind, masks, and what lies beside a data set.
_NO_CLASS = each_word(
    """
    all data dataset files image images img imgs annotation annotations gt masks unannotated unlabeled unlabelled
    unsorted assets backup checkpoints code doc docs logs notebooks output outputs predictions results scripts src temp
    tmp
    """
)
# Files and folders that operating systems and network drives add: thumbnails, recycle bins, indices.
_OF_SYSTEMS = each_word(
    """
    @eadir @recently-snapshot @recycle @sharebin @tmp #recycle #snapshot $recycle.bin $extend recycled recycler
    lost+found lost.dir found.000 __macosx __pycache__ desktop.ini ehthumbs.db picasa.ini thumbs.db
    """
) | {"system volume information", "network trash folder", "temporary items", "thumbs.db:encryptable", "icon\r"}
_NUMBERED = re.compile(
    r"((k|cross)[ _-]?(fold|val|validation)|"
    r"batch|block|bucket|chunk|cv|fold|package|part|partition|section|shard|slice|split|subset|vol|volume|zip)"
    r"[ _.-]?\d+([ _-]of[ _-]\d+)?"
)


@cache
def plain(name: str) -> str:
    """Return a name with composed accents and without surrounding blanks."""
    return unicodedata.normalize("NFC", name).strip()


@cache
def spelling_key(name: str) -> str:
    """Return a key that is equal for names that differ only in case, blanks, hyphens, width or invisible characters."""
    shown = "".join(char for char in unicodedata.normalize("NFKC", name) if unicodedata.category(char) != "Cf")
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", shown).casefold().strip()


@cache
def words(name: str) -> tuple[str, ...]:
    """Return the words and numbers of a name in lower case: ("train", "a") for trainA."""
    text = re.sub(r"hold[ _-]?out|held[ _-]?out", "heldout", name, flags=re.IGNORECASE)
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)", " ", text)
    return tuple(word for word in re.split(r"[\W_]+", apart.casefold()) if word)


@cache
def set_and_rest(name: str) -> tuple[str, str]:
    """Return the set in a name ("" for none or several) and the other words: ("train", "real") for train_real."""
    split, rest = "", []
    for word in words(plain(name)):
        this = _SPLITS.get(word, "")
        if this and split and {this, split} != {"train", "val"} and this != split:
            return "", plain(name)
        split = ("train" if split else this) if this and this != split else split
        rest += [] if this or word in ("private", "public") else [word]
    if not split:
        return "", plain(name)
    years = [word for word in rest if re.fullmatch(r"(19|20)\d\d", word)]
    return split, " ".join(word for word in rest if word not in _FILLERS and word not in years)


def split_name(name: str) -> str:
    """Return "train", "val" or "test" for a usual name of a set (`Training`, `test_set`, `val2017`), else ""."""
    split, rest = set_and_rest(name)
    return "" if rest else split


def class_in(name: str) -> str:
    """Return a name without its set, as written: "Real" for train_Real, "A" for trainA."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain(name))
    words_left = [word for word in re.split(r"[\s_.-]+", text) if word.casefold() not in _SPLITS]
    return "_".join(words_left)


def sets_of(names: Collection[str]) -> dict[str, str]:
    """Return the set for each sibling folder (or value of a column) that names one.

    A name that contains only the set means that set, also if all names share another word (`seg_train`, `seg_test`). A
    name with other words joins train or val (`train_augmented`), but is a separate test set (`test_blurred`), unless it
    is the only test set and no name contains only a set (`train_big`, `test_small`).
    """
    named = {name: set_and_rest(name) for name in names if set_and_rest(name)[0]}
    splits_of_rest: dict[str, set] = {}
    for split, rest in named.values():
        splits_of_rest.setdefault(rest, set()).add(split)
    rests = Counter(rest for _, rest in named.values())
    shared = {rest for rest, splits in splits_of_rest.items() if len(splits) > 1 and rests[rest] == len(splits)}
    if "" in splits_of_rest or len(shared) != 1:
        shared = {""}
    tests = [name for name, (split, _) in named.items() if split == "test"]
    main = [name for name in tests if named[name][1] in shared]
    main = main or (tests if len(tests) == 1 and "" not in splits_of_rest else [])
    return {name: split if split != "test" or name in main else plain(name) for name, (split, _) in named.items()}


@cache
def side(name: str) -> str:
    """Return "generated" or "real" for a name that means only that (`0_real`, `AI images`), else ""."""
    telling = [word for word in words(plain(name)) if not (word.isdigit() or word in _FILLERS or word in _SPLITS)]
    telling = ["".join(telling)] if "".join(telling) in _GENERATED | _REAL else telling
    telling = [word for word in telling if word not in ("art", "arts")] or telling
    for kind, known in (("generated", _GENERATED), ("real", _REAL)):
        if telling and known.issuperset(telling):
            return kind
    return ""


@cache
def is_numbered(name: str) -> bool:
    """Return whether a folder is a numbered part of a set: `fold_0`, `part-000001`, `shard3`."""
    return bool(_NUMBERED.fullmatch(plain(name).casefold()))


@cache
def is_augmented(name: str) -> bool:
    """Return whether a name says that a folder holds augmented training images."""
    telling = {word for word in words(plain(name)) if word not in _FILLERS}
    return bool(telling) and {"aug", "augmented", "augmentation", "augmentations"}.issuperset(telling)


@cache
def says_nothing(name: str) -> bool:
    """Return whether a name contains only words such as "images" and "data"."""
    return bool(words(plain(name))) and _FILLERS.issuperset(words(plain(name)))


@cache
def names_no_class(name: str) -> bool:
    """Return whether a name cannot be a class: images of any kind, masks, or what lies beside a data set."""
    parts = words(plain(name))
    return bool(parts) and (_NO_CLASS.issuperset(parts) or "groundtruth" in "".join(parts))


@cache
def without_number(name: str) -> str:
    """Return a name without the final number of a part or mark of a copy: "real" for real_2 and real (1)."""
    return re.sub(
        r"[\s_.-]*(\(\d+\)|\b(copy|kopie|copie|copia)\b( ?\(?\d+\)?)?|(part|pt|batch|chunk|shard)?[\s_.-]*\d+)$",
        "",
        plain(name),
        flags=re.IGNORECASE,
    )


@cache
def sides_in(name: str) -> frozenset[str]:
    """Return which of "real" and "generated" occur among the words of a name: real for YouTube-real."""
    return frozenset(side(word) for word in words(plain(name))) - {""}


def left_out(name: str) -> bool:
    """Return whether a file or folder is hidden, in a recycle bin, or added by an operating system (thumbnails)."""
    return name.startswith((".", "~$")) or name.casefold() in _OF_SYSTEMS or name.casefold().startswith("__macosx")
