"""The page in a browser: drawn, readable, reachable by keys, silent on the network, printable."""

import os
import shutil
from pathlib import Path

import pytest
from made import HOSTILE, folder, judgements

from perceptron_sim.report import write_report
from perceptron_sim.report.serve import Content, ReportServer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no chromium: apt-get install chromium")
# A page of 5 MB on a busy machine.
_PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def browser():
    # Root, as in containers, has no sandbox to put a browser in.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=_CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("report")
    runs = [
        folder(place / "scan", {"numpy=2.4.6 python=3.11.7": 3}),
        folder(place / "other", {"numpy=2.3.0 python=3.11.7": 3}, command=HOSTILE),
    ]
    write_report(judgements(HOSTILE), runs, place / "out", title="Claims", command="c " + HOSTILE)
    return place / "out" / "report.html"


class _Watched:
    """A page with everything that it says and asks for."""

    def __init__(self, browser, address: str, **options) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(_PATIENCE_MS)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        # Below the page's own policy: what Chromium is asked for, blocked or not.
        network = self.context.new_cdp_session(self.page)
        network.send("Network.enable")
        network.on(
            "Network.requestWillBeSent", lambda event: self.asked.append(event["request"]["url"])
        )
        self.page.goto(address)
        self.page.wait_for_selector("html[data-drawn=all]")

    def __enter__(self) -> "_Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def test_figures_are_drawn_and_nothing_is_asked_for(browser, report: Path) -> None:
    with _Watched(browser, report.as_uri()) as seen:
        assert seen.said == []
        assert [url for url in seen.asked if not url.startswith(("data:", "blob:"))] == [
            report.as_uri()
        ]
        # Three claims with runs, two panels each, two series of three points.
        assert seen.page.locator(".plot").count() == 6
        for plot in seen.page.locator(".plot").all():
            assert plot.locator(".scatterlayer .point").count() == 6
            assert plot.locator(".scatterlayer .js-line").count() == 1
            assert plot.locator(".errorbar").count() == 3
            assert plot.bounding_box()["height"] > 250
        assert seen.page.locator(".static").first.is_hidden()
        # What run folders say stays text, in tables, legends and labels.
        assert seen.page.title() == "Claims"
        assert seen.page.locator("img[src=x], .plot img").count() == 0
        assert "<img src=x" in seen.page.locator("#provenance").inner_text()
        assert "Mixed provenance" in seen.page.locator("header").inner_text()


def test_the_policy_stops_what_would_leave(browser, report: Path) -> None:
    with _Watched(browser, report.as_uri()) as seen:
        answer = seen.page.evaluate(
            "fetch('http://127.0.0.1:9/').then(() => 'left', error => error.name)"
        )
        assert answer == "TypeError"
        assert any("Content Security Policy" in line for line in seen.said)


def test_pointing_at_a_point_shows_its_values(browser, report: Path) -> None:
    with _Watched(browser, report.as_uri()) as seen:
        plot = seen.page.locator(".plot").first
        plot.scroll_into_view_if_needed()
        box = plot.locator(".scatterlayer .point").nth(1).bounding_box()
        seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        text = plot.locator(".hoverlayer .hovertext")
        text.wait_for()
        assert "T = 1" in text.text_content()
        assert "training-set size P: 256" in text.text_content()
        assert "‖w‖ / T: 4.4" in text.text_content()
        assert "95 %: [4, 4.8]" in text.text_content()


def test_everything_is_reached_by_keys(browser, report: Path) -> None:
    with _Watched(browser, report.as_uri()) as seen:
        page = seen.page
        reached = []
        for _ in range(400):
            page.keyboard.press("Tab")
            here = page.evaluate(
                """() => {
                  const e = document.activeElement, s = getComputedStyle(e);
                  return { body: e === document.body,
                    what: e.id || e.className.baseVal || e.className || e.textContent,
                    ring: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1 };
                }"""
            )
            if here["body"]:
                break
            assert here["ring"], f"{here['what']} has focus and does not show it"
            reached.append(str(here["what"]))
        assert reached[:3] == ["skip", "theme", "print"]
        assert sum(what.startswith("plot") for what in reached) == 6
        assert reached.count("copy") == 4
        assert sum("modebar-btn" in what for what in reached) == 6 * 5
        # A legend is made of buttons.
        assert reached.count("entry") == 6 * 3
        assert page.locator(".plot").first.locator(".scatterlayer .point").count() == 6
        page.locator(".entry").first.press("Enter")
        assert page.locator(".entry").first.get_attribute("aria-pressed") == "false"
        assert page.locator(".plot").first.locator(".scatterlayer .point").count() == 3
        page.locator(".entry").first.press("Enter")
        # Points by arrow keys, read out below the figure.
        plot = page.locator(".plot").first
        value = page.locator(".value").first
        plot.focus()
        page.keyboard.press("ArrowRight")
        assert value.text_content() == "T = 1: 128, 3, 95 % [2.7, 3.3]"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert value.text_content().startswith("T = 4 <img src=x")
        assert value.text_content().endswith(": 256, 4.1")
        before = plot.evaluate("p => p._fullLayout.xaxis.range.slice()")
        page.keyboard.press("+")
        page.wait_for_timeout(300)
        inside = plot.evaluate("p => p._fullLayout.xaxis.range.slice()")
        assert before[0] < inside[0] < inside[1] < before[1]
        page.keyboard.press("0")
        page.wait_for_timeout(300)
        assert plot.evaluate("p => p._fullLayout.xaxis.range.slice()") == pytest.approx(before)
        assert seen.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_axe(browser, report: Path, scheme: str) -> None:
    with _Watched(browser, report.as_uri(), color_scheme=scheme) as seen:
        background = "getComputedStyle(document.body).backgroundColor"
        assert (
            seen.page.evaluate(background)
            == {
                "light": "rgb(255, 255, 255)",
                "dark": "rgb(20, 23, 27)",
            }[scheme]
        )
        found = axe.Axe().run(seen.page).response["violations"]
        serious = {
            v["id"]: [node["html"][:120] for node in v["nodes"][:3]]
            for v in found
            if v["impact"] in ("serious", "critical")
        }
        assert serious == {}
        # The button turns the page over, figures included.
        tick = "getComputedStyle(document.querySelector('.xtick text')).fill"
        before = (seen.page.evaluate(background), seen.page.evaluate(tick))
        seen.page.click("#theme")
        seen.page.wait_for_timeout(1000)
        after = (seen.page.evaluate(background), seen.page.evaluate(tick))
        assert before[0] != after[0]
        assert before[1] != after[1]


def test_a_narrow_screen_needs_no_sideways_scrolling(browser, report: Path) -> None:
    with _Watched(browser, report.as_uri(), viewport={"width": 380, "height": 800}) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 380
        for plot in seen.page.locator(".plot").all():
            box = plot.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 380
        # Tables of many columns scroll by themselves.
        assert seen.page.locator(".scroll").first.evaluate("e => e.scrollWidth > e.clientWidth")


def test_print_shows_the_static_figures_in_light_colours(browser, report: Path) -> None:
    with _Watched(browser, report.as_uri(), color_scheme="dark") as seen:
        page = seen.page
        content = page.pdf(print_background=True, prefer_css_page_size=True)
        assert content.startswith(b"%PDF")
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert page.locator(".static").first.is_visible()
        assert page.locator(".static").first.evaluate("e => e.naturalWidth") > 100
        assert page.locator(".plot").first.is_hidden()
        assert page.locator(".tools").is_hidden()


def test_downloads_hold_the_numbers(browser, report: Path) -> None:
    with _Watched(browser, report.as_uri(), accept_downloads=True) as seen:
        for name, start in (
            ("summary.json", '{\n  "command"'),
            ("measurements.csv", "claim,quantity,model,value"),
            ("gamma-holds-figure.csv", "panel,series,kind"),
            ("gamma-holds.svg", "<?xml"),
        ):
            with seen.page.expect_download() as download:
                seen.page.click(f"a[download='{name}']")
            assert download.value.suggested_filename == name
            assert Path(download.value.path()).read_text().startswith(start)


def test_without_scripts_the_static_figures_stand_there(browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".static").first.is_visible()
    assert page.locator(".panels").first.is_hidden()
    assert page.locator("#theme").is_hidden()
    context.close()


def test_a_served_page_renews_itself_when_runs_are_added(browser, tmp_path: Path) -> None:
    def content(n: int) -> Content:
        runs = folder(tmp_path / f"scan{n}", {"numpy=2.4.6": n})
        out = tmp_path / "out"
        made = judgements()
        return Content.of(made, write_report(made, [runs], out, title="Claims", command="c"))

    with (
        ReportServer(content(3)) as server,
        _Watched(browser, server.url) as seen,
    ):
        assert "3 runs" in seen.page.locator(".totals").inner_text()
        seen.page.wait_for_timeout(500)
        server.replace(content(4))
        seen.page.locator(".totals", has_text="4 runs").wait_for()
        assert {url.removeprefix(server.url) for url in seen.asked if "data:" not in url} == {
            "",
            "revision.json",
        }
        assert seen.said == []
