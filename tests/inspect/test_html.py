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

from tests.snapshots import a_report, a_snapshot
from tiler.inspect.html import html_report
from tiler.inspect.laid import front, laid

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

# Appended by the test, not part of the report: uses the page once it is loaded, and writes what happened into it.
PROBE = """<script>
// Virtual time leaps to its end where no timer is due, and does not wait for pictures that are being decoded.
const ticking = setInterval(() => {}, 1);
addEventListener("load", async () => {
  const cut = document.getElementById("cut"), result = {};
  result.sizes = [...document.images].map(image => [image.naturalWidth, image.naturalHeight]);
  result.before = getComputedStyle(document.querySelector(".over.matte")).clipPath;
  cut.value = 25; cut.dispatchEvent(new Event("input"));
  result.after = getComputedStyle(document.querySelector(".over.matte")).clipPath;
  result.shown = [".matte", ".seams"].map(name => getComputedStyle(document.querySelector(name)).display);
  document.querySelector("input[value=seams]").click();
  result.then = [".matte", ".seams"].map(name => getComputedStyle(document.querySelector(name)).display);
  result.lines = document.querySelectorAll("svg line").length;
  result.stage = document.getElementById("stage").getBoundingClientRect().toJSON();
  result.wide = document.documentElement.scrollWidth - innerWidth;
  result.requests = performance.getEntriesByType("resource").filter(entry => !entry.name.startsWith("data:")).length;
  const laid = document.getElementById("laid"), at = [];
  for (const colour of ["#ffffff", "#000000", "#00b140"]) {
    const choice = document.querySelector(`[data-colour="${colour}"]`);
    choice.click();
    await lay(choice);
    const data = laid.getContext("2d");
    at.push([[2, 2], [120, 90], [120, 27]].map(([x, y]) => [...data.getImageData(x, y, 1, 1).data].slice(0, 3)));
  }
  result.laid = at;
  result.canvas = [laid.width, laid.height, getComputedStyle(laid.parentElement).display];
  const out = document.createElement("output"); out.id = "result"; out.textContent = JSON.stringify(result);
  document.body.append(out);
  clearInterval(ticking);
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
        [CHROMIUM, *options, "--virtual-time-budget=600000", "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    result = re.search(r'<output id="result">(.*?)</output>', shown.stdout, re.DOTALL)
    assert result, shown.stdout[-500:] + shown.stderr[-500:]
    return json.loads(result[1].replace("&quot;", '"').replace("&amp;", "&"))


def test_the_report_loads_no_other_file():
    """Every address in it is a data URI, and its policy forbids the browser to fetch anything."""
    tags = read(html_report(a_snapshot(), a_report()))
    for tag, attrs in tags.found:
        assert tag not in ("link", "iframe", "object", "embed")
        assert all(value.startswith("data:image/") for name, value in attrs.items() if name in ("src", "href"))
    policy = [attrs["content"] for tag, attrs in tags.found if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    assert policy[0].startswith("default-src 'none'")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", html_report(a_snapshot(), a_report()))


def test_the_pictures_in_it_are_those_of_the_snapshot():
    snapshot = a_snapshot()
    images = [attrs["src"] for tag, attrs in read(html_report(snapshot)).found if tag == "img" and "src" in attrs]
    shown = [np.asarray(Image.open(BytesIO(base64.b64decode(src.split(",")[1])))) for src in images]
    assert np.abs(shown[0].astype(int) - snapshot.picture).mean() < 4
    assert np.abs(shown[1].astype(int) - snapshot.matte).mean() < 4
    np.testing.assert_array_equal(shown[2], snapshot.crops[0].picture)
    assert len(shown) == 2 + 5 * len(snapshot.crops) + 1
    assert np.abs(shown[-1].astype(int) - front(snapshot)).mean() < 4


def test_it_shows_numbers_places_and_provenance():
    snapshot, report = a_snapshot(), a_report()
    text = " ".join(read(html_report(snapshot, report)).text)
    row, col = snapshot.full_position(snapshot.seams[0])
    for words in ("240 x 180 px", "30.0", "3 of 4", f"column {col}, row {row}", "ab" * 32, "modnet", "Ann & Ben"):
        assert words in text
    assert "above the limit" in text
    assert "None of" in " ".join(read(html_report(a_snapshot(0), report)).text)
    assert "it has no seams" in " ".join(
        read(html_report(replace(snapshot, seams=(), places=np.zeros((0, 4)), crops=()))).text
    )


def test_the_name_of_a_file_cannot_add_tags():
    tags = read(html_report(a_snapshot(), a_report()))
    assert "b" not in {tag for tag, _ in tags.found}


def test_the_verdict_follows_the_limit():
    def state(limit):
        return next(
            a["class"] for _, a in read(html_report(a_snapshot(), limit=limit)).found if a.get("id") == "verdict"
        )

    assert state(29 / 255) == "verdict bad"
    assert state(31 / 255) == "verdict good"


@needs_chromium
@pytest.mark.parametrize("size", ["1200,900", "500,900"])
def test_in_a_browser_the_slider_slides_and_the_map_appears(tmp_path, size):
    snapshot = a_snapshot()
    result = in_chromium(html_report(snapshot, a_report()), tmp_path, size)
    assert result["before"] == "inset(0px 0px 0px 50%)"
    assert result["after"] == "inset(0px 0px 0px 25%)"
    assert result["shown"] == ["block", "none"]
    assert result["then"] == ["none", "block"]
    assert result["lines"] == len(snapshot.seams)
    assert result["sizes"][:2] == [[240, 180], [240, 180]]
    assert all(width > 0 for width, _ in result["sizes"])
    assert result["stage"]["width"] / result["stage"]["height"] == pytest.approx(240 / 180, rel=0.01)
    assert result["wide"] <= 0
    assert result["canvas"] == [240, 180, "block"]
    foreground = front(snapshot)
    for got, colour in zip(result["laid"], ("white", "black", "#00b140"), strict=True):
        wanted = laid(snapshot, foreground, colour)
        assert np.abs(np.array(got) - wanted[[2, 90, 27], [2, 120, 120]]).max() <= 6  # what a JPEG does to it
    assert result["requests"] == 0


def test_places_to_look_at_are_framed_and_listed_in_pixels_of_the_full_picture():
    snapshot = a_snapshot()
    tags = read(html_report(snapshot))
    (rect,) = [attributes for tag, attributes in tags.found if tag == "rect"]
    height, width = snapshot.shape
    (place,) = snapshot.look_here
    assert float(rect["x"]) == pytest.approx(place.left / width, abs=1e-5)
    assert float(rect["height"]) == pytest.approx(place.height / height, abs=1e-5)
    assert any(f"column {place.left}, row {place.top}" in text for text in tags.text)
    assert "Nothing in this matte is doubtful" in html_report(replace(snapshot, look_here=()))


def test_a_network_that_made_the_guide_alone_is_named():
    two = a_report() | {"guide_model": {"name": "whole", "sha256": "cd" * 32, "precision": "bf16", "notes": []}}
    assert "<th>network of the guide</th><td>whole, bf16</td>" in html_report(a_snapshot(), two)
    assert "network of the guide" not in html_report(a_snapshot(), a_report())
