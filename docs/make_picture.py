"""Take README's picture of a report: its first screen, in light and in dark, each in one small file.

Needs a Chromium: Playwright's (`playwright install chromium`), or one named by ``--browser``.
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1280, 800
QUALITY = 80  # WebP's; text of the page stays sharp and a file below 200 kB


def pictures(report: Path, browser: str | None) -> dict[str, bytes]:
    """Return the first screen of a page as WebP, by colour scheme."""
    shots = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            size = {"width": WIDTH, "height": HEIGHT}
            page = chromium.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1.5).new_page()
            page.goto(report.resolve().as_uri())
            page.wait_for_load_state("networkidle")
            packed = io.BytesIO()
            Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(packed, "WEBP", quality=QUALITY, method=6)
            shots[scheme] = packed.getvalue()
        chromium.close()
    return shots


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?", default=Path("artifacts/reports/sample-quick/index.html"))
    parser.add_argument(
        "--browser", default=shutil.which("chromium"), help="path of a Chromium; Playwright's by default"
    )
    options = parser.parse_args()
    for scheme, picture in pictures(options.report, options.browser).items():
        path = Path(__file__).with_name(f"report-{scheme}.webp")
        path.write_bytes(picture)
        print(f"{path}: {len(picture) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
