"""The pages in a real browser: no sideways scroll, targets large enough, labels, landmarks, nothing blocked."""

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import free_port
from tests.dashboards.conftest import Links
from tests.dashboards.meters import GAS, confirmed, hire, ill, meter, offered
from tests.dashboards.scene import NOW, Scene
from tests.dashboards.test_shelving import eventful

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH: install it to see pages in a browser"
)

DEVICE_PAGES = (
    "",
    "?q=aurora&state=never_heard",
    "?q=nothing",
    "/ev-0003",
    "/ev-0003/retire",
    "/ev-0003/signals/cell_voltages_v?element=81",
    "/ev-0003/signals/cell_voltages_v?span=year&lang=ko",
    "/ev-0003/signals/dtcs",
    "?trouble=any",
    "/ev-bad",
    "/ev-bad?lang=ja",
    "?incident=1&lang=ko",
)

CHECKS = """() => {
  const problems = [];
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) problems.push(`scrolls sideways by ${wide} px`);
  for (const element of document.querySelectorAll("a, button, select, input:not([type=hidden]), summary")) {
    const box = element.getBoundingClientRect();
    if (!box.width || element.classList.contains("skip")) continue;
    if (box.height < 24 || box.width < 24) problems.push(`small target: ${element.outerHTML.slice(0, 80)}`);
    if (!element.textContent.trim() && !element.labels?.length) problems.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  }
  for (const tag of ["main", "header", "h1", "title"])
    if (document.querySelectorAll(tag).length < 1 || (tag !== "title" && document.querySelectorAll(tag).length !== 1))
      problems.push(`not exactly one ${tag}`);
  for (const image of document.querySelectorAll("svg:not([aria-hidden])"))
    if (!image.querySelector("title")) problems.push("a plot without a text");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  if (new Set(ids).size !== ids.length) problems.push("an id stands twice");
  const light = (color) => {
    const [r, g, b] = color.map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest("svg, .unseen, .skip") || !element.getClientRects().length) continue;
    let behind = element, back = [0, 0, 0, 0];
    while (behind && back[3] === 0) {
      const parts = parse(getComputedStyle(behind).backgroundColor);
      back = [...parts.slice(0, 3), parts.length > 3 ? parts[3] : 1];
      behind = behind.parentElement;
    }
    const [a, b] = [light(parse(getComputedStyle(element).color).slice(0, 3)), light(back.slice(0, 3))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) problems.push(`contrast ${contrast.toFixed(2)}: ${element.outerHTML.slice(0, 80)}`);
  }
  return problems;
}"""


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """The application under a real web server."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=free_port(), log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.config.port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def problems_of(page: Page, url: str) -> list[str]:
    """What is wrong with a page at three widths, light and dark."""
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text))
    page.goto(url)
    found: list[str] = [text for text in blocked if "Failed to load resource" not in text]
    for width in (320, 390, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
            found += [f"{width} {scheme}: {problem}" for problem in page.evaluate(CHECKS)]
    return found


@pytest.mark.slow
def test_every_page_can_be_used_by_everybody(
    address: str, browser: Browser, links: Links, ids: dict[str, int], scene: Scene
) -> None:
    technician = links.technician(hire(links.scene))
    ids["visit"], ids["visited"] = offered(links.scene), offered(links.scene)
    confirmed(links.scene, ids["visited"])
    ids["danger at home"] = ill(links.scene, meter(links.scene), GAS)
    silent = scene.incident(heard_again=3, recovering_at=NOW)
    scene.insert(
        "incident_device",
        "device_id",
        incident_id=silent,
        device_id=scene.reports_badly("ev-bad"),
        since_at=NOW,
        joined_at=NOW,
    )
    scene.incident(place="", due_at=NOW - timedelta(hours=1))
    scene.incident(closed=True, closed_by=scene.planner_id, word="A transformer was replaced")
    appointment = scene.one("SELECT appointment_id FROM appointment WHERE request_id = %s", ids["visited"])
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    owner = links.owner(ids["offered"])
    pages = {
        "owner, English": owner,
        "owner, Korean": f"{owner}?lang=ko",
        "owner, Japanese": f"{owner}?lang=ja",
        "owner, safety": links.owner(ids["safety"]),
        "owner, confirmed": links.owner(ids["confirmed"]),
        "owner, visit": links.owner(ids["visit"]),
        "owner, visit booked": links.owner(ids["visited"]),
        "owner, begins": f"{owner}/begin",
        "owner, mandate": f"{owner}/device",
        "owner, danger at home": links.owner(ids["danger at home"]),
        "technician's day": f"{technician}?day=2026-11-23",
        "technician's free day, Korean": f"{technician}?day=2026-11-22&lang=ko",
        "technician's visit": f"{technician}/visits/{appointment}",
        "technician's visit, Japanese": f"{technician}/visits/{appointment}?lang=ja",
        "front": "/",
        "bad link": "/o/x",
        "login": links.login(),
    }
    found = [f"{name}: {problem}" for name, path in pages.items() for problem in problems_of(page, address + path)]
    page.goto(address + links.login())
    page.click("button[type=submit]")
    paths = ["/planner", "/planner?state=confirmed", "/planner/outbox", "/planner/rejections", "/planner/incidents"]
    paths += [
        f"/planner/{room}" for room in ("cycles", "schedule", "schedule?lang=ko", "parts", "parts/EV-CELL-MODULE")
    ]
    paths += [f"/planner/{room}" for room in ("deliveries", "routes", "rollouts", "rollouts?lang=ja")]
    paths += [f"/planner/requests/{ids['offered']}?lang={language}" for language in ("ko", "ja")]
    paths += [f"/planner/incidents/{silent}"]
    paths += [f"/planner/requests/{request_id}" for request_id in ids.values()]
    paths += [f"/planner/devices{path}" for path in DEVICE_PAGES]
    found += [f"{path}: {problem}" for path in paths for problem in problems_of(page, address + path)]
    page.goto(address + "/planner/incidents")
    page.click("summary:has-text('Close…')")
    found += [f"closing an incident: {problem}" for problem in page.evaluate(CHECKS)]
    context.close()
    assert not found, "\n".join(found)


def test_a_thumb_meets_every_control_on_a_phone(
    address: str, browser: Browser, links: Links, ids: dict[str, int], scene: Scene
) -> None:
    technician = links.technician(hire(scene))
    confirmed(scene, visit := offered(scene))
    appointment = scene.one("SELECT appointment_id FROM appointment WHERE request_id = %s", visit)
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    low = """() => [...document.querySelectorAll("button, .button, select, summary, nav a, dd a, label.check, label.tick, textarea,"
        + " input:not([type=hidden], [type=checkbox], [type=radio])")].filter((each) => {
        const box = each.getBoundingClientRect(); return box.width > 1 && box.height < 44;
    }).map((each) => each.outerHTML.slice(0, 100))"""
    found: list[str] = []

    def look(path: str) -> None:
        page.goto(address + path)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        found.extend(f"{path.rpartition('/')[2][-20:]}: {each}" for each in page.evaluate(low))

    owner = links.owner(ids["offered"])
    for path in (owner, f"{owner}/begin", f"{owner}/device", links.owner(ids["safety"]), links.owner(ids["confirmed"])):
        look(path)
    for path in (f"{technician}?day=2026-11-23", f"{technician}/visits/{appointment}"):
        look(path)
    page.goto(address + links.login())
    page.click("button[type=submit]")
    for path in ("", "/schedule", "/parts", "/deliveries", f"/requests/{ids['offered']}", "/devices/ev-0003"):
        look(f"/planner{path}")
    context.close()
    assert not found, "\n".join(found)


def test_an_owner_books_by_keyboard_without_any_script(
    address: str, browser: Browser, links: Links, ids: dict[str, int]
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=False)
    page = context.new_page()
    page.goto(address + links.owner(ids["offered"]))
    page.keyboard.press("Tab")
    assert page.locator(":focus").text_content() == "Skip to the content"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("name") == "booking":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Your date is booked')")
    with page.expect_download() as download:
        page.click("text=Add to my calendar")
    assert download.value.suggested_filename == f"C-{ids['offered']:06d}.ics"
    context.close()


def test_a_planner_holds_a_request_without_any_script(
    address: str, browser: Browser, links: Links, ids: dict[str, int]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + links.login())
    page.click("button[type=submit]")
    page.click(f"a[href='/planner/requests/{ids['offered']}']")
    page.click("summary:has-text('Hold…')")
    page.fill("#hold-reason", "Let me look at it first")
    page.click("button:text-is('Hold')")
    page.wait_for_selector(".badges:has-text('Waits for a person')")
    page.click("text=Sign out")
    page.wait_for_selector("h1:has-text('You are signed out')")
    context.close()


def test_a_planner_puts_a_symptom_aside_by_keyboard_without_any_script(
    address: str, browser: Browser, links: Links, ids: dict[str, int], scene: Scene
) -> None:
    eventful(scene)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + links.login())
    page.click("button[type=submit]")
    page.goto(address + "/planner/devices/ev-0003")
    page.focus("summary[aria-label='Put aside: The 12 V system is too high']")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("A w")
    page.keyboard.press("Tab")
    page.keyboard.type("The regulator is ordered")
    page.keyboard.press("Enter")
    page.wait_for_selector("button[aria-label='Put back: The 12 V system is too high']")
    context.close()
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(address + links.login())
    page.click("button[type=submit]")
    found = [
        f"{language}: {problem}"
        for language in ("en", "ko", "ja")
        for problem in problems_of(page, f"{address}/planner/devices/ev-0003?lang={language}")
    ]
    page.click("summary:has-text('保留…') >> nth=0")
    found += page.evaluate(CHECKS)
    context.close()
    assert found == []


def test_a_planner_finds_a_device_and_looks_back_in_time_by_keyboard_without_any_script(
    address: str, browser: Browser, links: Links, ids: dict[str, int]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + links.login())
    page.click("button[type=submit]")
    page.click("nav a:has-text('Devices')")
    page.focus("#q")
    page.keyboard.type("Anna ev-0003")
    page.keyboard.press("Enter")
    page.click("a.open:text-is('ev-0003')")
    page.click("a:text-is('Cell voltages')")
    page.click("a:has-text('Earlier')")
    page.click("a:has-text('Later')")
    with page.expect_download() as download:
        page.click("text=Download as CSV")
    assert download.value.suggested_filename.startswith("ev-0003-cell_voltages_v-")
    context.close()


def test_a_letter_is_shown_in_a_frame_that_is_cut_off_from_the_page(
    address: str, browser: Browser, links: Links, scene: Scene, ids: dict[str, int]
) -> None:
    notice_id = scene.notice(ids["safety"], "link", cause="asked")
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + links.login())
    page.click("button[type=submit]")
    assert problems_of(page, f"{address}/planner/outbox/{notice_id}") == []
    frame = page.frame_locator("iframe.letter")
    assert "이서연" in frame.locator("body").inner_text()
    context.close()
