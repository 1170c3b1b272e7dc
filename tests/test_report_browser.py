"""The page in a browser: Chromium opens it without a word on its console and without a request, in any width."""

import shutil
import warnings

import pytest
from report_pages import KINDS, one_of_each, train

sync = pytest.importorskip(
    "playwright.sync_api", reason="the extra `browser` is not installed: pip install 'wdist[browser]'"
)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    pages = one_of_each(train(folder / "seven"))
    return {kind: page.save(folder / f"{kind}.html") for kind, page in pages.items()}


@pytest.fixture(scope="module")
def browser():
    with sync.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            browser.close()


@pytest.mark.parametrize("width", [1100, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_in_silence(kind, scheme, width, files, browser):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(files[kind].as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [files[kind].as_uri()]
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 0
    light = (
        page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(252, 251, 248)"
    )
    assert light == (scheme == "light")
    page.close()


def test_the_keyboard_goes_everywhere_and_shows_where_it_is(files, browser):
    page = browser.new_page()
    page.goto(files["wide"].as_uri())
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.tagName"))
        assert (
            page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            or seen[-1] == "BODY"
        )
    assert {"A", "SUMMARY", "DIV"} <= set(seen)
    page.close()


def test_text_is_text_and_small_enough_to_read_on_a_phone(files, browser):
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(files["plane"].as_uri())
    heights = page.evaluate(
        "[...document.querySelectorAll('svg text')].map(e => e.getBoundingClientRect().height)"
    )
    assert min(heights) >= 9.5
    page.close()


def test_it_prints(files, browser, tmp_path):
    page = browser.new_page(color_scheme="dark")
    page.goto(files["wide"].as_uri())
    page.pdf(path=tmp_path / "wide.pdf", format="A4")
    assert (tmp_path / "wide.pdf").read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_the_download_is_the_json(files, browser, tmp_path):
    page = browser.new_page()
    page.goto(files["plane"].as_uri())
    with page.expect_download() as waiting:
        page.click("a[download]")
    waiting.value.save_as(tmp_path / "data.json")
    embedded = page.evaluate("document.getElementById('data').textContent")
    assert page.evaluate("text => JSON.parse(text).kind", (tmp_path / "data.json").read_text()) == "estimate"
    assert page.evaluate("([a, b]) => JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b))",
                         [embedded, (tmp_path / "data.json").read_text()])  # fmt: skip
    page.close()
