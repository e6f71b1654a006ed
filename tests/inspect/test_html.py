import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.looks import a_look, a_report
from tiler.inspect.html import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

# What the page did, told by the page itself once it is loaded: appended in the test, not part of the page.
PROBE = """<script>
addEventListener("load", () => {
  const cut = document.getElementById("cut"), told = {};
  told.sizes = [...document.images].map(image => [image.naturalWidth, image.naturalHeight]);
  told.before = getComputedStyle(document.querySelector(".over.matte")).clipPath;
  cut.value = 25; cut.dispatchEvent(new Event("input"));
  told.after = getComputedStyle(document.querySelector(".over.matte")).clipPath;
  told.shown = [".matte", ".seams"].map(name => getComputedStyle(document.querySelector(name)).display);
  document.querySelector("input[value=seams]").click();
  told.then = [".matte", ".seams"].map(name => getComputedStyle(document.querySelector(name)).display);
  told.lines = document.querySelectorAll("svg line").length;
  told.stage = document.getElementById("stage").getBoundingClientRect().toJSON();
  told.wide = document.documentElement.scrollWidth - innerWidth;
  told.requests = performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:")).length;
  const out = document.createElement("output"); out.id = "told"; out.textContent = JSON.stringify(told);
  document.body.append(out);
});
</script>"""


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    tags = Tags()
    tags.feed(html)
    return tags


def in_chromium(html, tmp_path, size="1200,900"):
    path = tmp_path / "page.html"
    path.write_text(html.replace("</body>", PROBE + "</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}", f"--user-data-dir={tmp_path}/c"]
    shown = subprocess.run(
        [CHROMIUM, *options, "--virtual-time-budget=3000", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told = re.search(r'<output id="told">(.*?)</output>', shown.stdout, re.DOTALL)
    assert told, shown.stdout[-500:] + shown.stderr[-500:]
    return json.loads(told[1].replace("&quot;", '"').replace("&amp;", "&"))


def test_the_page_stands_alone():
    """Every address in it is data; the browser is told to fetch nothing."""
    tags = read(page(a_look(), a_report()))
    for tag, attrs in tags.found:
        assert tag not in ("link", "iframe", "object", "embed")
        assert all(value.startswith("data:image/") for name, value in attrs.items() if name in ("src", "href"))
    policy = [attrs["content"] for tag, attrs in tags.found if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert policy[0].startswith("default-src 'none'")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", page(a_look(), a_report()))


def test_the_pictures_in_it_are_the_look():
    look = a_look()
    images = [attrs["src"] for tag, attrs in read(page(look)).found if tag == "img" and "src" in attrs]
    shown = [np.asarray(Image.open(BytesIO(base64.b64decode(src.split(",")[1])))) for src in images]
    assert np.abs(shown[0].astype(int) - look.picture).mean() < 4
    assert np.abs(shown[1].astype(int) - look.matte).mean() < 4
    np.testing.assert_array_equal(shown[2], look.crops[0].picture)
    assert len(shown) == 2 + 5 * len(look.crops)


def test_numbers_places_and_provenance_are_told():
    look, report = a_look(), a_report()
    text = " ".join(read(page(look, report)).text)
    row, col = look.at(look.seams[0])
    for said in ("240 x 180 px", "30.0", "3 of 4", f"column {col}, row {row}", "ab" * 32, "modnet", "Ann & Ben"):
        assert said in text
    assert "above the limit" in text
    assert "None of" in " ".join(read(page(a_look(0), report)).text)
    assert "it has no seams" in " ".join(read(page(replace(look, seams=(), places=np.zeros((0, 4)), crops=()))).text)


def test_what_a_file_is_called_cannot_become_part_of_the_page():
    tags = read(page(a_look(), a_report()))
    assert "b" not in {tag for tag, _ in tags.found}


def test_the_state_follows_the_limit():
    def state(limit):
        return next(a["class"] for _, a in read(page(a_look(), limit=limit)).found if a.get("id") == "verdict")

    assert state(29 / 255) == "verdict bad"
    assert state(31 / 255) == "verdict good"


@needs_chromium
@pytest.mark.parametrize("size", ["1200,900", "500,900"])
def test_in_a_browser_the_slider_slides_and_the_map_appears(tmp_path, size):
    look = a_look()
    told = in_chromium(page(look, a_report()), tmp_path, size)
    assert told["before"] == "inset(0px 0px 0px 50%)"
    assert told["after"] == "inset(0px 0px 0px 25%)"
    assert told["shown"] == ["block", "none"]
    assert told["then"] == ["none", "block"]
    assert told["lines"] == len(look.seams)
    assert told["sizes"][:2] == [[240, 180], [240, 180]]
    assert all(width > 0 for width, _ in told["sizes"])
    assert told["stage"]["width"] / told["stage"]["height"] == pytest.approx(240 / 180, rel=0.01)
    assert told["wide"] <= 0
    assert told["requests"] == 0
