import pytest

from classify.positive import choose_positive, kind, positive_class
from featex.errors import InputError


@pytest.mark.parametrize(
    ("classes", "positive", "why"),
    [
        (("AI", "real"), "AI", "name"),
        (("REAL", "FAKE"), "FAKE", "name"),
        (("fakes", "real"), "fakes", "name"),
        (("0_real", "1_fake"), "1_fake", "name"),
        (("0_fake", "1_real"), "0_fake", "name"),
        (("ai-generated", "human"), "ai-generated", "name"),
        (("AiArtData", "RealArt"), "AiArtData", "name"),
        (("midjourney", "real"), "midjourney", "name"),
        (("ADM", "nature"), "ADM", "name"),
        (("BigGAN", "nature"), "BigGAN", "name"),
        (("StyleGAN2", "ffhq"), "StyleGAN2", "name"),
        (("Stable Diffusion v1.4", "nature"), "Stable Diffusion v1.4", "name"),
        (("DALL-E 3", "photos"), "DALL-E 3", "name"),
        (("sdxl", "zebras"), "sdxl", "name"),
        (("Deepfakes", "original_sequences"), "Deepfakes", "name"),
        (("not_real", "pictures"), "not_real", "name"),
        (("ai", "not_ai"), "ai", "name"),
        (("non-generated", "others"), "others", "non-generated"),
        (("pristine", "zz-unheard-of"), "zz-unheard-of", "pristine"),
        (("authentic", "aaa"), "aaa", "authentic"),
        (("Real_ESRGAN_faces", "real"), "Real_ESRGAN_faces", "real"),
        (("False", "True"), "True", "name"),
        (("0", "1"), "1", "number"),
        (("10", "9"), "10", "number"),
        (("-1", "1"), "1", "number"),
        (("00000", "00001"), "00001", "number"),
        (("cat", "dog"), "dog", "sorted"),
        (("fake", "ai"), "fake", "sorted"),
        (("midjourney", "sdxl"), "sdxl", "sorted"),
        (("human", "photo"), "photo", "sorted"),
        (("retrained", "organ"), "retrained", "sorted"),
        (("nan", "inf"), "nan", "sorted"),
        (("01", "1"), "1", "sorted"),
    ],
)
def test_the_class_of_generated_images_is_the_positive_one(classes, positive, why):
    choice = choose_positive(classes)
    assert choice.name == positive_class(classes[::-1]) == positive
    assert why in choice.why
    assert f"positive class: {positive}" in choice.sentence()


def test_what_is_asked_for_is_the_positive_class_and_else_refused():
    assert choose_positive(["ai", "real"], "real").name == "real"
    with pytest.raises(InputError, match="did you mean 'real'"):
        choose_positive(["ai", "real"], "reel")
    with pytest.raises(InputError, match="there are 3"):
        choose_positive(["ai", "edited", "real"], "ai")
    assert choose_positive(["ai", "edited", "real"]) is None


@pytest.mark.parametrize("name", ["", "7", "été", "realai", "ai_real", "airplane", "began", "faked_real"])
def test_a_name_that_says_nothing_or_both_has_no_kind(name):
    assert kind(name) == ""
