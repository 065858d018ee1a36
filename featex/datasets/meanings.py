"""What the name of a folder means: a set, real or generated, one of many numbered parts, or nothing."""

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


# Words that say nothing of what a folder holds: left out of a set's name, and no classes where nothing stands beside.
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
# Names of folders that are no classes: those of images of any kind, of masks, and of what lies beside a data set.
_NO_CLASS = each_word(
    """
    all data dataset files image images img imgs annotation annotations gt masks unannotated unlabeled unlabelled
    unsorted assets backup checkpoints code doc docs logs notebooks output outputs predictions results scripts src temp
    tmp
    """
)
# What systems and network drives put beside images: thumbnails, bins, indices.
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
    """Return a folder's name with accents written as one character and no blanks around it."""
    return unicodedata.normalize("NFC", name).strip()


@cache
def spelling_key(name: str) -> str:
    """Return what names of one class share that differ in case, blanks, hyphens, width or invisible characters."""
    shown = "".join(char for char in unicodedata.normalize("NFKC", name) if unicodedata.category(char) != "Cf")
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", shown).casefold().strip()


@cache
def words(name: str) -> tuple[str, ...]:
    """Return the words and numbers of a name in small letters: ("train", "a") for trainA, ("val", "2017")."""
    text = re.sub(r"hold[ _-]?out|held[ _-]?out", "heldout", name, flags=re.IGNORECASE)
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|(?<=\d)(?=\D)", " ", text)
    return tuple(word for word in re.split(r"[\W_]+", apart.casefold()) if word)


@cache
def set_and_rest(name: str) -> tuple[str, str]:
    """Return the set that a name speaks of ("" for none, or several) and what else it says: ("train", "real")."""
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
    """Return "train", "val" or "test" for the usual spellings of a set (`Training`, `test_set`, `val2017`), else ""."""
    split, rest = set_and_rest(name)
    return "" if rest else split


def class_in(name: str) -> str:
    """Return what a set's name says beside the set, as it is written: "Real" for train_Real, "A" for trainA."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", plain(name))
    kept = [word for word in re.split(r"[\s_.-]+", text) if word.casefold() not in _SPLITS]
    return "_".join(kept)


def sets_of(names: Collection[str]) -> dict[str, str]:
    """Return the sets that folders (or values of a column) beside each other stand for; others are left out.

    A name that says nothing but the set is that set, also where all say the same beside it (`seg_train`, `seg_test`).
    One that says more joins train or val (`train_augmented`), but stays a test set of its own (`test_blurred`), under
    its name; save the only test set where no other set is plain (`train_big`, `test_small`).
    """
    said = {name: set_and_rest(name) for name in names if set_and_rest(name)[0]}
    splits_of_rest: dict[str, set] = {}
    for split, rest in said.values():
        splits_of_rest.setdefault(rest, set()).add(split)
    rests = Counter(rest for _, rest in said.values())
    shared = {rest for rest, splits in splits_of_rest.items() if len(splits) > 1 and rests[rest] == len(splits)}
    if "" in splits_of_rest or len(shared) != 1:
        shared = {""}
    tests = [name for name, (split, _) in said.items() if split == "test"]
    alone = [name for name in tests if said[name][1] in shared]
    alone = alone or (tests if len(tests) == 1 and "" not in splits_of_rest else [])
    return {name: split if split != "test" or name in alone else plain(name) for name, (split, _) in said.items()}


@cache
def side(name: str) -> str:
    """Return "generated" or "real" for a name that says no more than that (`0_real`, `AI images`), else ""."""
    said = [word for word in words(plain(name)) if not (word.isdigit() or word in _FILLERS or word in _SPLITS)]
    said = ["".join(said)] if "".join(said) in _GENERATED | _REAL else said
    said = [word for word in said if word not in ("art", "arts")] or said
    for kind, known in (("generated", _GENERATED), ("real", _REAL)):
        if said and known.issuperset(said):
            return kind
    return ""


@cache
def is_numbered(name: str) -> bool:
    """Tell whether a folder is one of many that a set was cut into: `fold_0`, `part-000001`, `shard3`."""
    return bool(_NUMBERED.fullmatch(plain(name).casefold()))


@cache
def is_augmented(name: str) -> bool:
    """Tell whether a folder holds altered copies of training images, by its name (`augmented`)."""
    said = {word for word in words(plain(name)) if word not in _FILLERS}
    return bool(said) and {"aug", "augmented", "augmentation", "augmentations"}.issuperset(said)


@cache
def says_nothing(name: str) -> bool:
    """Tell whether a name holds no word beside such as "images" and "data"."""
    said = words(plain(name))
    return bool(said) and _FILLERS.issuperset(said)


@cache
def names_no_class(name: str) -> bool:
    """Tell whether a name is one for images of any kind ("images"), masks, or what is beside a data set."""
    said = words(plain(name))
    return bool(said) and (_NO_CLASS.issuperset(said) or "groundtruth" in "".join(said))


@cache
def without_number(name: str) -> str:
    """Return a name without the number of a part, or the mark of a copy, behind it: "real" for real_2, real (1)."""
    return re.sub(
        r"[\s_.-]*(\(\d+\)|\b(copy|kopie|copie|copia)\b( ?\(?\d+\)?)?|(part|pt|batch|chunk|shard)?[\s_.-]*\d+)$",
        "",
        plain(name),
        flags=re.IGNORECASE,
    )


@cache
def sides_in(name: str) -> frozenset[str]:
    """Return which of "real" and "generated" the words of a name say, whatever else they say: real for YouTube-real."""
    return frozenset(side(word) for word in words(plain(name))) - {""}


def left_out(name: str) -> bool:
    """Tell whether a file or folder is hidden, in a bin, or made by a system beside the images (thumbnails)."""
    return name.startswith((".", "~$")) or name.casefold() in _OF_SYSTEMS or name.casefold().startswith("__macosx")
