"""Which of two classes is the positive one, the class that precision, recall and thresholds are about: by its name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from featex.errors import UsageError, unknown

# What public data sets call generated or altered images; generators by name, for GenImage's and ForenSynths' folders.
_GENERATED = """
ai aiart aigc aigen aigenerated aiimage aiimages artificial deepfake deepfakes fabricated fake faked fakes forged
forgery forgeries gen generated generative manipulated spliced spoof spoofed synth synthesised synthesized synthetic
synthetics tampered
biggan crn cyclegan dcgan esrgan faceswap gan gans gaugan imle neuraltextures pggan progan san sitd starganv stargan
stylegan vqgan wgan
adm craiyon dall dalle ddim ddpm deepfloyd diffused diffusion diffusiondb firefly flux glide ideogram imagen kandinsky
latentdiffusion ldm ldms midjourney pixart sd sdturbo sdxl seedream stablediffusion vqdm wukong
"""
_REAL = """
actual afhq authentic bonafide camera captured celeba celebahq coco ffhq genuine human humans imagenet laion lsun
natural nature org original originals photo photograph photographs photography photos pristine real realimage
realimages reals unaltered unmanipulated untampered
"""
GENERATED, REAL = frozenset(_GENERATED.split()), frozenset(_REAL.split())
TRUE, FALSE = {"positive", "true", "yes"}, {"false", "negative", "no"}
NOT = {"no", "non", "not"}


@dataclass(frozen=True)
class Positive:
    """The positive class, and why it is."""

    name: str
    why: str

    def sentence(self) -> str:
        """Return the choice as a line for the user."""
        return f"positive class: {self.name}, {self.why}; choose with --positive"


def choose_positive(classes: Sequence[str], wish: str | None = None) -> Positive | None:
    """Return the positive one of two classes, or None where there are more.

    Names are compared in small letters, word by word, without digits; ``-``, ``_``, blanks and capitals inside a name
    divide words, and "not" or "non" before a word turns its meaning. The first of these rules that applies decides:

    1. the class that `wish` names;
    2. the one class whose name stands for generated images (``ai``, ``fake``, ``1_fake``, ``StyleGAN2``, ``ADM``);
    3. the class beside the only one whose name stands for real images (``real``, ``nature``, ``original``);
    4. ``true``, ``yes`` or ``positive`` beside ``false``, ``no`` or ``negative``;
    5. the greater of two numbers;
    6. the last in sorted order.

    Raises
    ------
    InputError
        If `wish` is none of the classes, or there are more than two of them.

    >>> choose_positive(["AI", "real"]).name, choose_positive(["midjourney", "nature"]).name
    ('AI', 'midjourney')
    >>> choose_positive(["cat", "dog"]).sentence()
    'positive class: dog, the last in sorted order; choose with --positive'
    """
    classes = sorted(map(str, classes))
    if wish is not None and wish not in classes:
        raise unknown("class", wish, classes)
    if len(classes) != 2:
        if wish is not None:
            raise UsageError(f"a positive class is one of two, and there are {len(classes)}; leave out --positive")
        return None
    if wish is not None:
        return Positive(wish, "as --positive says")
    generated, real = ([name for name in classes if kind(name) == what] for what in ("generated", "real"))
    if len(generated) == 1:
        return Positive(generated[0], "by its name")
    if len(real) == 1:
        (other,) = (name for name in classes if name != real[0])
        return Positive(other, f"since {real[0]} stands for the real images")
    words = [name.strip().casefold() for name in classes]
    if words[0] in FALSE and words[1] in TRUE:
        return Positive(classes[1], "by its name")
    if None not in (numbers := [_number(name) for name in classes]) and numbers[0] != numbers[1]:
        return Positive(classes[numbers.index(max(numbers))], "the greater number")
    return Positive(classes[1], "the last in sorted order")


def positive_class(classes: Sequence[str]) -> str:
    """Return the positive one of two classes by its name; see `choose_positive`."""
    return choose_positive(classes).name


def kind(name: str) -> str:
    """Return what a class's name stands for: "generated", "real", or "" where it says nothing, or both."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    kinds = {_of_words([word for word in re.split(r"[\W\d_]+", text.casefold()) if word]) for text in (apart, name)}
    kinds.discard("")
    return kinds.pop() if len(kinds) == 1 else ""


def _of_words(words: list[str]) -> str:
    turned = bool(words) and words[0] in NOT
    words = words[turned:]
    words = {*words, "".join(words)}
    generated = bool(words & GENERATED) or any(word.endswith("diffusion") for word in words)
    if generated == bool(words & REAL):
        return ""
    return "generated" if generated != turned else "real"


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if isfinite(number) else None
