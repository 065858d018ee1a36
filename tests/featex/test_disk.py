import pytest

from featex.disk import born_whole, read_json, write_json
from featex.errors import StoreError


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with pytest.raises(UnicodeEncodeError), born_whole(path) as temporary:
        temporary.write_text("half\ud800")
    assert read_json(path) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_folders_are_made_and_others_may_read_the_file(tmp_path):
    path = tmp_path / "deep" / "er" / "a.json"
    write_json(path, {"ä": [1.5]})
    assert read_json(path) == {"ä": [1.5]}
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*a\.json: .*choose another place"):
        write_json(tmp_path / "file" / "a.json", {})


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_damaged_json_is_a_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StoreError, match="delete it"):
        read_json(tmp_path / "a.json")
