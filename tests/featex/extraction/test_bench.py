import pytest

from featex import cli
from featex.errors import InputError
from featex.extraction import bench as module
from featex.extraction.bench import ABOUT, MODEL, READING, WHOLE, Bench, bench
from featex.network.views import View


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "MATRIX", 256)
    monkeypatch.setattr(module, "LEAST_MODEL", 16)


def made(**changes) -> Bench:
    rates = {stage: [2000.0, 1000.0, 3000.0] for stage in ABOUT} | {MODEL: [40.0, 60.0, 50.0], WHOLE: [45.0] * 3}
    plain = {"name": "resnet18", "fast": False, "n_images": 9, "n_failed": 0, "device": "cpu", "n_cores": 2}
    return Bench(**(plain | {"rates": rates, "gflop": 4.0, "gflops": [100.0, 300.0, 200.0]} | changes))


def test_shares_are_parts_of_the_work_and_the_greatest_holds_it_back():
    told = made()
    assert told.rate(MODEL) == 50
    assert sum(told.shares.values()) == pytest.approx(1)
    assert told.shares[READING] == pytest.approx((1 / 2000) / (3 / 2000 + 1 / 50))
    assert told.slowest == MODEL
    assert told.limit == 50
    assert made(gflop=0.0).limit == float("inf")


def test_lines_name_the_stages_the_limit_and_what_to_do():
    lines = made().lines()
    assert lines[0] == "9 images, resnet18 on cpu, 2 cores"
    assert [line.split()[0] for line in lines[2:8]] == [*ABOUT, "limit"]
    assert lines[7].endswith("the model reaches 100% of it")
    assert made(gflop=8.0).lines()[7].endswith("the model reaches 200% of it, because it multiplies less")
    assert lines[-1] == "Slowest stage: model. A GPU would be faster."
    rates = {**made().rates, "decoding": [10.0] * 3}
    slow = made(rates=rates, n_failed=3, gflop=0.0).lines()
    assert slow[0].startswith("9 images (3 more cannot be used)")
    assert not any("limit" in line for line in slow)
    assert slow[-1] == "Slowest stage: decoding. More cores would help; for large JPEGs, --fast may help."
    assert (
        made(rates={**made().rates, "decoding": [10.0] * 3}, fast=True).lines()[-1].endswith("More cores would help.")
    )


def test_every_stage_is_measured_on_images_that_can_be_used(tmp_path, write_images, weights_file):
    write_images(tmp_path / "a", 3)
    (tmp_path / "a" / "bad.jpg").write_bytes(b"no image")
    told = bench(tmp_path, runs=2, n_images=9, weights=weights_file, device="cpu", view=View(fast=True))
    assert (told.n_images, told.n_failed, told.device, told.fast) == (3, 1, "cpu", True)
    assert set(told.rates) == set(ABOUT)
    assert all(len(rates) == 2 and min(rates) > 0 for rates in told.rates.values())
    assert told.rate(MODEL) < told.rate("preprocessing")
    assert told.rate(WHOLE) < told.rate("decoding")
    assert told.gflop == pytest.approx(3.63, abs=0.02)
    assert min(told.gflops) > 0.1


def test_a_folder_without_a_usable_image_is_refused(tmp_path, weights_file):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match="the only image drawn"):
        bench(tmp_path, weights=weights_file, device="cpu")


def test_the_command_says_it(run_command, tmp_path, write_images, weights_file):
    write_images(tmp_path / "images", 2)
    code, out, _ = run_command(cli, "bench", "images", "--weights", weights_file, "--runs", 1, "--device", "cpu")
    assert code == 0
    assert "Slowest stage: model" in out
