import pytest

from classify.models.registry import MODELS
from classify.trained.inputs import INPUTS


@pytest.mark.parametrize("name", MODELS)
def test_every_model_reads_what_can_be_read_from_a_set_and_from_files_and_be_kept(name):
    kind = INPUTS[MODELS[name].reads]
    assert kind.runs
    assert all((kind.read_set, kind.read_files, kind.save, kind.load))


def test_only_file_metadata_shows_no_image_and_only_scores_cannot_be_run():
    assert [name for name, kind in INPUTS.items() if not kind.sees_images] == ["files"]
    assert [name for name, kind in INPUTS.items() if not kind.runs] == ["scores"]
