"""Pages in a real browser: what shows, what a click and a key do, and that nothing is fetched."""

import gzip
import os
import shutil
from base64 import b64decode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.explain.explain import explain
from classify.explain.page import write_explanation
from classify.predictions import VALIDATION, Predictions
from classify.workspace import load_model, report_again, tune
from featex.extraction.extract import extract
from featex.layout import Artifacts
from pipelines.auditing.audit import audit
from pipelines.robustness.stress import StressTest, stress

pytestmark = pytest.mark.long

WIDTHS = {1440: 900, 390: 844}
OVERFLOWING = """() => [...document.querySelectorAll("body *")].filter((node) => {
  const box = node.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1) return false;
  for (let one = node.parentElement; one; one = one.parentElement) {
    const scrolls = ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(one).overflowX);
    if (scrolls && one.getBoundingClientRect().right <= innerWidth + 1) return false;
  }
  return true;
}).map((node) => `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`)"""
BRIGHTNESS = """() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)
  .reduce((sum, part) => sum + part, 0) / 3"""


@pytest.fixture(scope="module")
def chromium():
    """A Chromium: the one that FEATEX_CHROMIUM names, or Playwright's, or one on the path."""
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    names = ("chromium", "chromium-browser", "google-chrome")
    wishes = [os.environ.get("FEATEX_CHROMIUM"), playwright.chromium.executable_path, *map(shutil.which, names)]
    found = next((path for path in wishes if path and Path(path).exists()), None)
    if not found:
        playwright.stop()
        pytest.skip("there is no Chromium; install one by `playwright install chromium`, or name it in FEATEX_CHROMIUM")
    browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture
def shown(chromium):
    """Return a function that opens a file; `complaints` of the page lists errors, and requests for anything else."""
    contexts = []

    def show(path: Path, width: int = 1440, scheme: str = "light", **options):
        size = {"width": width, "height": WIDTHS[width]}
        contexts.append(chromium.new_context(viewport=size, color_scheme=scheme, **options))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda line: page.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda sent: None if _inside(sent.url, path) else page.complaints.append(sent.url))
        page.goto(path.as_uri())
        page.set_default_timeout(5_000)
        return page

    yield show
    for context in contexts:
        context.close()


def _inside(url: str, path: Path) -> bool:
    return url.startswith(("data:", "blob:")) or url.split("#")[0] == path.as_uri()


@pytest.fixture(scope="module")
def made(tmp_path_factory, write_images, weights_file) -> dict[str, Path]:
    """The pages of a project whose images are larger than thumbnails, and whose classes do not differ."""
    project = tmp_path_factory.mktemp("project")
    for split, n in {"train": 16, "test": 12, "wild": 4}.items():
        for seed, label in enumerate(("ai", "real")):
            write_images(project / "images" / split / label, n, tint=50, size=200, seed=seed)
    artifacts = Artifacts(project / "artifacts")
    extract(project / "images", artifacts.features, weights=weights_file, device="cpu")
    for model in ("svm", "logreg", "metadata"):
        tune(model, artifacts=artifacts, trials=2, n_folds=3)
    audited = audit(project / "images", artifacts=artifacts, weights=weights_file, device="cpu")
    quick = StressTest(transforms=["jpeg"], grades="quick")
    stressed = stress(test=quick, artifacts=artifacts, device="cpu", command="pipelines stress images")
    svm = load_model("svm-images", artifacts, "cpu")
    explanation = explain(svm, [project / "images/wild/ai"], cache=artifacts.features, device="cpu")
    return {
        "report": report_again(artifacts).page,
        "audit": audited.page,
        "stress": stressed.page,
        "explain": write_explanation(explanation, project / "explained", command="classify explain"),
    }


@pytest.fixture(scope="module")
def answers(made) -> pd.DataFrame:
    """The rows of predictions.csv beside the report, of unseen sets."""
    table = Predictions.read(made["report"].with_name("predictions.csv")).table
    return table[table["set"] != VALIDATION]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "audit", "stress", "explain"])
def test_a_page_fits_fetches_nothing_and_follows_light_and_dark(made, shown, name, width, scheme):
    page = shown(made[name], width, scheme)
    assert page.locator("h1").bounding_box()["y"] < WIDTHS[width]
    assert (page.evaluate(BRIGHTNESS) > 128) == (scheme == "light")
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOWING) == []
    assert page.complaints == []


def _opened(page):
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    return page


def test_filters_count_what_the_predictions_hold(made, shown, answers):
    page = _opened(shown(made["report"]))
    for model, of_model in answers.groupby("model"):
        page.select_option("#errors-model", label=model)
        for label in ("any class", "ai"):
            page.select_option("#errors-label", label=label)
            for answer in ("wrong", "right", "all"):
                page.select_option("#errors-answer", label=answer)
                rows = of_model if label == "any class" else of_model[of_model["label"] == label]
                right = rows["label"] == rows["predicted"]
                n = {"wrong": (~right).sum(), "right": right.sum(), "all": len(rows)}[answer]
                assert page.inner_text("#errors-count").startswith(f"{n} of {len(of_model)} images")
                assert page.locator("#errors-list li").count() == min(n, 12)
    assert page.complaints == []


def test_a_click_enlarges_an_image_and_tells_what_is_known_of_it(made, shown, answers):
    page = _opened(shown(made["report"]))
    page.select_option("#errors-model", label="svm")
    page.locator("#errors-list button").first.click()
    path = page.inner_text("#picture-path")
    rows = answers[answers["path"] == path].set_index("model")
    of_svm = answers[(answers["model"] == "svm") & (answers["label"] != answers["predicted"])]
    assert path == of_svm.loc[of_svm[["prob_ai", "prob_real"]].max(axis=1).idxmax(), "path"]
    facts = dict(zip(*(page.locator(f"#picture-facts {tag}").all_inner_texts() for tag in ("dt", "dd")), strict=True))
    assert (facts["true class"], facts["predicted"]) == (rows.loc["svm", "label"], rows.loc["svm", "predicted"])
    assert facts["probability"] == f"{100 * rows.loc['svm', ['prob_ai', 'prob_real']].max():.1f} %"
    assert facts["file"].startswith("JPEG, 200 × 200 pixels, JPEG quality about 95, ")
    told = [line.split("\t") for line in page.locator("#picture-answers tr").all_inner_texts()]
    assert {(model, predicted) for model, predicted, *_ in told} == set(rows["predicted"].items())
    size = page.evaluate(
        "[...document.querySelectorAll('#picture-image, #picture-near img')].map((i) => i.naturalWidth)"
    )
    assert size == [200, 144, 144, 144]  # larger than its thumbnail, and three training images
    assert page.complaints == []


def test_keys_alone_open_turn_and_close_and_the_focus_comes_back(made, shown):
    page = _opened(shown(made["report"], 390))
    page.select_option("#errors-answer", label="all")
    page.locator("#errors-list button").first.focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#picture-place").startswith("1 of ")
    first = page.inner_text("#picture-path")
    page.keyboard.press("ArrowLeft")  # there is none before the first
    assert page.inner_text("#picture-path") == first
    for _ in range(13):  # past those that are listed
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#picture-place").startswith("14 of ")
    box = page.locator("#picture").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    last = page.inner_text("#picture-path")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert last != first
    page.wait_for_function("(title) => document.activeElement.title === title", arg=last)


def _counts(page, column: int) -> list[int]:
    cells = page.locator(f"#threshold-table tbody tr td:nth-child({column})").all_inner_texts()[:4]
    return [int(text.replace(",", "")) for text in cells]


def _expected(truth: pd.Series, called: pd.Series) -> list[int]:
    return [int(part.sum()) for part in (truth & called, truth & ~called, ~truth & called, ~truth & ~called)]


def test_counts_at_a_threshold_are_those_of_the_predictions(made, shown, answers):
    page = _opened(shown(made["report"]))
    scores = pd.read_csv(made["report"].with_name("scores.csv")).set_index(["model", "set"])
    page.wait_for_selector("#threshold-table")
    for (model, name), rows in answers.groupby(["model", "set"]):
        page.select_option("#threshold-model", label=model)
        page.select_option("#threshold-set", index=["test", "wild"].index(name))
        truth, p = rows["label"] == "ai", rows["prob_ai"]
        page.click("#threshold-own")
        assert _counts(page, 2) == _counts(page, 3) == _expected(truth, rows["predicted"] == "ai")
        accuracy = page.locator("#threshold-table tbody tr:nth-child(5) td:nth-child(3)").inner_text()
        assert accuracy == f"{100 * scores.loc[(model, name), 'accuracy']:.1f} %"
        for threshold in (0.0, 0.25, 0.5, 0.51, 1.0):
            page.fill("#threshold-number", str(threshold))
            assert _counts(page, 2) == _expected(truth, p >= threshold)
        slider = page.locator("#threshold-slider")
        slider.focus()
        slider.press("Home")
        assert _counts(page, 2) == _expected(truth, p >= 0)
    assert page.complaints == []


def test_the_least_cost_is_the_least_of_all_thresholds(made, shown, answers):
    page = _opened(shown(made["report"]))
    page.select_option("#threshold-model", label="svm")
    page.fill("#cost-alarm", "2")
    page.fill("#cost-miss", "5")
    page.click("#threshold-least")
    rows = answers[(answers["model"] == "svm") & (answers["set"] == "test")]
    truth, p = rows["label"] == "ai", rows["prob_ai"]
    least = min(2 * (~truth & (p >= t)).sum() + 5 * (truth & (p < t)).sum() for t in np.r_[p, 2])
    _, misses, alarms, _ = _counts(page, 2)
    assert 2 * alarms + 5 * misses == least
    assert "optimistic" in page.inner_text("#threshold-cost")


def test_errors_show_without_a_script(made, shown):
    page = shown(made["report"], java_script_enabled=False)
    first = page.locator("#errors-still img").first
    first.scroll_into_view_if_needed()
    assert first.is_visible()
    assert not page.locator("#errors").is_visible()


def test_a_page_that_is_sent_on_alone_has_no_dead_link(made, shown, tmp_path):
    alone = tmp_path / "sent" / "index.html"
    alone.parent.mkdir()
    shutil.copy(made["report"], alone)
    page = _opened(shown(alone))
    links = page.eval_on_selector_all("a[href]", "all => all.map((link) => link.getAttribute('href'))")
    assert links
    for link in links:
        assert link.startswith(("data:", "#"))
        if link.startswith("#"):
            assert page.evaluate("(id) => Boolean(document.getElementById(decodeURIComponent(id)))", link[1:]), link
    for file in ("scores.csv", "predictions.csv"):
        data = b64decode(page.locator(f'a[data-file="{file}"]').first.get_attribute("href").partition(",")[2])
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        assert data == made["report"].with_name(file).read_bytes()
    with page.expect_download() as saved:
        page.evaluate("document.querySelector('a[data-file=\"scores.csv\"]').click()")
    assert saved.value.suggested_filename == "scores.csv"


def test_files_beside_a_page_are_linked_where_they_are(made, shown):
    page = _opened(shown(made["report"]))
    links = page.eval_on_selector_all("span[data-file] a", "all => all.map((link) => link.href)")
    assert links
    for link in links:
        path = made["report"].parent / Path(link).name
        assert path.as_uri() == link
        assert path.is_file()
    with Image.open(made["report"].with_name("accuracy.png")) as figure:
        assert figure.format == "PNG"
