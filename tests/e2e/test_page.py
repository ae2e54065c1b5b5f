"""The upload page, as a courier has it: a phone's browser, the real API, the real forms."""

import base64
import hashlib
import json
import os
import shlex
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Download, Page, Route, expect, sync_playwright

from local.cloud import SUBJECT_SCOPES, LocalCloud
from photogate.audit.receipt import parse_receipt
from photogate.config import REPOSITORY
from photogate.policy import default_policy
from tests import photos
from tests.e2e import browser as browsers

PURPOSE = "proof_of_delivery"
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 800}
PICTURES = REPOSITORY / "out" / "page"
TEXTS = json.loads((REPOSITORY / "web" / "strings.json").read_text())
ENGLISH = TEXTS["en"]
FINDINGS = json.loads(default_policy().document())["findings"]
REDACT = {**FINDINGS, "face": {"act": "redact", "review": "redact"}}
REVIEW = {**FINDINGS, "face": {"act": "review", "review": "review"}}


class _Quiet(SimpleHTTPRequestHandler):
    """Serves `web/`, with a `config.json` of this run."""

    config = b"{}"

    def do_GET(self) -> None:
        if self.path == "/config.json":
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(self.config)))
            self.end_headers()
            self.wfile.write(self.config)
        else:
            super().do_GET()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def config_of(cloud: LocalCloud) -> dict[str, Any]:
    """Give what the page's `config.json` must say."""
    return {"api_url": cloud.outputs["ApiUrl"], "purpose": PURPOSE, "storage_origins": [cloud.base]}


@pytest.fixture(scope="module")
def origin(cloud: LocalCloud, page_socket: socket.socket) -> Iterator[str]:
    """Serve the page over TLS, at another origin than the API's: CORS is part of what is tested."""
    handler = type("Handler", (_Quiet,), {"config": json.dumps(config_of(cloud)).encode()})
    address = page_socket.getsockname()
    server = ThreadingHTTPServer(address, partial(handler, directory=str(REPOSITORY / "web")), bind_and_activate=False)
    server.socket.close()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cloud.places.certificate, cloud.places.certificate_key)
    server.socket = tls.wrap_socket(page_socket.dup(), server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(cloud: LocalCloud) -> Iterator[Browser]:
    """Start a browser that trusts the local certificate, by its key, and no other that is not signed as it must be."""
    certificate = x509.load_pem_x509_certificate(cloud.places.certificate.read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    with sync_playwright() as playwright:
        running = browsers.launch(playwright, f"--ignore-certificate-errors-spki-list={pin}")
        yield running
        running.close()


@dataclass
class Courier:
    """Somebody with the page open."""

    page: Page
    tenant: str
    caller: str
    errors: list[str]

    def agree(self) -> None:
        self.page.get_by_role("button", name=TEXTS[self.language]["agree"], exact=True).click()
        expect(self.page.locator("#choose")).to_be_visible()

    def choose(self, photo: bytes, name: str = "IMG_0815.jpg") -> None:
        self.page.locator("#camera-input").set_input_files(
            {"name": name, "mimeType": "application/octet-stream", "buffer": photo}
        )

    def send(self, photo: bytes) -> str:
        """Send a photo, and give the kind of its outcome and the page's words."""
        self.choose(photo)
        self.page.locator("#send").click()
        return self.outcome()

    def outcome(self) -> str:
        expect(self.page.locator("#outcome")).to_be_visible(timeout=60_000)
        return self.page.locator("#outcome-heading").inner_text()

    @property
    def language(self) -> str:
        return str(self.page.locator("html").get_attribute("lang"))

    def picture(self, name: str) -> None:
        """Keep what it looks like, for people to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


Open = Callable[..., Courier]


@pytest.fixture
def open_page(browser: Browser, cloud: LocalCloud, origin: str, acme: str) -> Iterator[Open]:
    """Give what opens the page, for a new caller unless told otherwise."""
    contexts = []

    def open_it(
        tenant: str = acme,
        *,
        caller: str | None = None,
        first: str = "#notice",
        size: dict[str, int] = PHONE,
        language: str = "en-GB",
        scheme: str = "light",
        **more: Any,
    ) -> Courier:
        context = browser.new_context(viewport=size, locale=language, color_scheme=scheme, **more)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        caller = caller or f"courier-{os.urandom(4).hex()}"
        page.goto(f"{origin}/#token={cloud.token(tenant, caller, SUBJECT_SCOPES)}")
        expect(page.locator(first)).to_be_visible()
        return Courier(page, tenant, caller, errors)

    yield open_it
    for context in contexts:
        context.close()


def test_the_local_cloud_serves_the_page_too(
    browser: Browser, cloud: LocalCloud, acme: str, run_photogate: Callable[..., str]
) -> None:
    page = browser.new_context(viewport=PHONE, locale="en-GB").new_page()
    address = run_photogate("local", "page", "--dir", str(cloud.places.root), acme, "courier-1").strip()

    opened = page.goto(address)

    assert opened is not None
    assert opened.headers["content-security-policy"] == "frame-ancestors 'none'"
    expect(page.locator("#notice-text")).to_have_text(default_policy().purposes[PURPOSE].notice)
    assert (
        page.request.get(f"{cloud.base}/_photogate/page/%2e%2e/template.yaml", ignore_https_errors=True).status == 404
    )
    page.context.close()


def test_a_shell_is_told_how_to_reach_the_local_cloud(cloud: LocalCloud, run_photogate: Callable[..., str]) -> None:
    told = run_photogate("local", "env", "--dir", str(cloud.places.root))

    exported = dict(line.removeprefix("export ").split("=", 1) for line in told.splitlines())
    assert {name: shlex.split(value)[0] for name, value in exported.items()} == cloud.environment()


def test_a_photo_without_people_is_accepted_and_shown_as_it_was_stored(open_page: Open) -> None:
    courier = open_page()
    page = courier.page
    expect(page.locator("#notice-text")).to_have_text(default_policy().purposes[PURPOSE].notice)
    courier.picture("phone-1-notice")

    courier.agree()
    courier.picture("phone-2-choose")
    courier.choose(photos.encode(photos.picture("coffee"), exif=photos.exif("CANARY")))
    expect(page.locator("#preview-picture")).to_have_js_property("complete", True)
    courier.picture("phone-3-preview")
    page.locator("#send").click()

    assert courier.outcome() == ENGLISH["outcome_ACCEPTED"]
    expect(page.locator("#stored")).to_be_visible()
    assert page.locator("#stored-picture").evaluate("p => [p.naturalWidth, p.naturalHeight]") == [600, 400]
    courier.picture("phone-4-accepted")
    assert courier.errors == []


def test_a_face_is_asked_to_be_retaken_in_the_uploader_s_language_and_the_next_photo_passes(open_page: Open) -> None:
    courier = open_page(language="de-DE", scheme="dark")
    courier.agree()

    assert courier.send(photos.face()) == TEXTS["de"]["outcome_RETAKE"]
    message = courier.page.locator("#outcome-text").inner_text()
    assert "Person" in message
    expect(courier.page.locator("#stored")).to_be_hidden()
    courier.picture("phone-dark-5-retake")

    courier.page.locator("#language").select_option("en")
    expect(courier.page.locator("#outcome-heading")).to_have_text(ENGLISH["outcome_RETAKE"])
    expect(courier.page.locator("#outcome-text")).not_to_have_text(message)
    courier.page.locator("#language").select_option("de")
    expect(courier.page.locator("#outcome-text")).to_have_text(message)
    courier.page.get_by_role("button", name=TEXTS["de"]["take_again"]).click()

    assert courier.send(photos.parcel()) == TEXTS["de"]["outcome_ACCEPTED"]


@pytest.mark.parametrize(
    ("findings", "status", "stored"),
    [(REDACT, "REDACTED", True), (REVIEW, "IN_REVIEW", False)],
    ids=["redacted", "in review"],
)
def test_the_policy_s_other_ends_are_told(
    open_page: Open, new_tenant: Callable[..., str], findings: dict[str, Any], status: str, stored: bool
) -> None:
    courier = open_page(new_tenant(findings=findings), size=DESKTOP, language="fr-FR")
    courier.agree()

    assert courier.send(photos.face()) == TEXTS["fr"][f"outcome_{status}"]
    expect(courier.page.locator("#stored")).to_be_visible(visible=stored)
    courier.picture(f"desktop-{status.lower()}")


def test_what_is_damaged_is_rejected_with_what_to_do(open_page: Open) -> None:
    courier = open_page(language="es-ES")
    courier.agree()

    assert courier.send(photos.parcel()[:2000]) == TEXTS["es"]["outcome_REJECTED"]
    assert courier.page.locator("#outcome-text").inner_text()
    courier.picture("phone-6-rejected")


@pytest.mark.parametrize(
    ("photo", "fault"), [(b"", "empty"), (b"%PDF-1.7 no photo at all", "not_a_photo")], ids=["empty", "no photo"]
)
def test_what_is_no_photo_is_told_before_anything_is_sent(open_page: Open, photo: bytes, fault: str) -> None:
    courier = open_page()
    courier.agree()
    requests: list[str] = []
    courier.page.on("request", lambda request: requests.append(request.url))

    courier.choose(photo)

    expect(courier.page.locator("#choose-remark")).to_have_text(ENGLISH[f"fault_{fault}"])
    assert requests == []


def test_whoever_does_not_agree_sends_nothing_and_can_think_again(open_page: Open) -> None:
    courier = open_page()

    with courier.page.expect_response("**/consents") as answer:
        courier.page.get_by_role("button", name=ENGLISH["refuse"]).click()

    assert answer.value.json()["state"] == "refused"
    expect(courier.page.locator("#refused")).to_be_visible()
    expect(courier.page.locator("input[type=file]").first).to_be_hidden()
    courier.page.get_by_role("button", name=ENGLISH["reconsider"]).click()
    courier.agree()


def test_consent_is_withdrawn_with_one_touch_and_nothing_can_be_sent_under_it(open_page: Open) -> None:
    courier = open_page()
    with courier.page.expect_response("**/consents") as given:
        courier.agree()

    with courier.page.expect_response("**/withdraw") as taken:
        courier.page.get_by_role("button", name=ENGLISH["withdraw"]).click()

    assert taken.value.json()["id"] == given.value.json()["id"]
    assert taken.value.json()["state"] == "withdrawn"
    expect(courier.page.locator("#notice-remark")).to_have_text(ENGLISH["withdrawn"])
    expect(courier.page.locator("#consent")).to_be_hidden()


def test_consent_given_on_an_earlier_visit_holds_and_is_withdrawn_whole_on_a_later_one(
    open_page: Open, cloud: LocalCloud
) -> None:
    earlier = open_page()
    earlier.agree()
    # A second consent to the same purpose, as a page gives that was open twice.
    cloud.as_caller(earlier.tenant, earlier.caller).consent()

    held = cloud.as_caller(earlier.tenant, earlier.caller).get("/consents").json["consents"]
    assert len(held) == 2

    later = open_page(caller=earlier.caller, first="#choose")
    later.page.get_by_role("button", name=ENGLISH["withdraw"]).click()

    expect(later.page.locator("#notice-remark")).to_have_text(ENGLISH["withdrawn"])
    expect(later.page.locator("#consent")).to_be_hidden()
    saved: list[Download] = []
    later.page.on("download", lambda file: saved.append(file))
    later.page.get_by_role("button", name=ENGLISH["save_receipt"]).click()
    expect(later.page.locator("#save-receipt")).to_be_enabled(timeout=30_000)
    assert {file.suggested_filename for file in saved} == {f"consent-{c['id']}.tlog-proof" for c in held}
    proofs = [parse_receipt(Path(file.path()).read_bytes()) for file in saved]
    proved = [json.loads(proof.body or b"") for proof in proofs]
    assert {e["details"]["consent_id"] for e in proved} == {c["id"] for c in held}
    assert {e["name"] for e in proved} == {"consent.withdrawn"}


def test_consent_to_an_earlier_notice_is_asked_anew_and_can_still_be_withdrawn(
    open_page: Open, cloud: LocalCloud, new_tenant: Callable[..., str]
) -> None:
    tenant = new_tenant()
    earlier = open_page(tenant)
    earlier.agree()
    purposes = {PURPOSE: {"notice": "Another notice, which nobody has agreed to yet."}}
    changed = cloud.as_caller(tenant, "staff-1", ["policy:write"]).put("/policy", {"purposes": purposes})
    assert changed.status == 200

    later = open_page(tenant, caller=earlier.caller)

    expect(later.page.locator("#notice-remark")).to_have_text(ENGLISH["notice_changed"])
    expect(later.page.locator("#notice-text")).to_have_text(purposes[PURPOSE]["notice"])
    later.page.get_by_role("button", name=ENGLISH["withdraw"]).click()
    expect(later.page.locator("#consent")).to_be_hidden()


def test_withdrawing_while_the_photo_is_being_sent_stops_the_sending(open_page: Open, cloud: LocalCloud) -> None:
    courier = open_page()
    courier.agree()
    held: list[Route] = []
    courier.page.route(f"{cloud.base}/{cloud.resources['IncomingBucket']}*", lambda route: held.append(route))
    with courier.page.expect_response("**/uploads") as announced:
        courier.choose(photos.parcel())
        courier.page.locator("#send").click()
    courier.page.wait_for_timeout(200)

    with courier.page.expect_event("requestfailed", lambda request: cloud.resources["IncomingBucket"] in request.url):
        courier.page.get_by_role("button", name=ENGLISH["withdraw"]).click()

    expect(courier.page.locator("#notice-remark")).to_have_text(ENGLISH["withdrawn"])
    assert len(held) == 1
    upload_id = announced.value.json()["id"]
    who = cloud.as_caller(courier.tenant, courier.caller)
    assert who.status(upload_id)["status"] == "AWAITING_UPLOAD"
    assert courier.errors == []


def test_a_broken_connection_is_told_and_trying_again_sends_the_same_upload(open_page: Open, cloud: LocalCloud) -> None:
    courier = open_page()
    courier.agree()
    bucket = f"{cloud.base}/{cloud.resources['IncomingBucket']}*"
    courier.page.route(bucket, lambda route: route.abort("connectionreset"))
    with courier.page.expect_response("**/uploads") as first:
        courier.choose(photos.parcel())
        courier.page.locator("#send").click()
    expect(courier.page.locator("#trouble-text")).to_have_text(ENGLISH["trouble_network"])
    courier.picture("phone-7-trouble")

    courier.page.unroute(bucket)
    with courier.page.expect_response("**/uploads") as second:
        courier.page.get_by_role("button", name=ENGLISH["retry"]).click()

    assert courier.outcome() == ENGLISH["outcome_ACCEPTED"]
    assert second.value.json()["id"] == first.value.json()["id"]


def test_without_a_token_the_page_says_so_and_asks_nobody(browser: Browser, origin: str) -> None:
    page = browser.new_context(viewport=PHONE, locale="en-GB").new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    page.goto(origin + "/")

    expect(page.locator("#trouble-text")).to_have_text(ENGLISH["trouble_token"])
    expect(page.locator("#retry")).to_be_hidden()
    assert all(url.startswith(origin + "/") for url in requests)
    page.context.close()


@pytest.mark.parametrize(
    "change", [{"api_url": None}, {"storage_origins": None}, {"purpose": "another"}], ids=lambda c: next(iter(c))
)
def test_a_page_that_is_not_set_up_says_so(
    browser: Browser, cloud: LocalCloud, origin: str, acme: str, change: dict[str, Any]
) -> None:
    page = browser.new_context(viewport=PHONE, locale="en-GB").new_page()
    page.route("**/config.json", lambda route: route.fulfill(json={**config_of(cloud), **change}))

    page.goto(f"{origin}/#token={cloud.token(acme, 'courier-1', SUBJECT_SCOPES)}")

    expect(page.locator("#trouble-text")).to_have_text(ENGLISH["trouble_setup"])
    expect(page.locator("#retry")).to_be_hidden()
    page.context.close()


def test_a_token_whose_time_is_over_is_told(browser: Browser, cloud: LocalCloud, origin: str, acme: str) -> None:
    page = browser.new_context(viewport=PHONE, locale="en-GB").new_page()

    page.goto(f"{origin}/#token={cloud.token(acme, 'courier-late', SUBJECT_SCOPES, seconds=-3600)}")

    expect(page.locator("#trouble-text")).to_have_text(ENGLISH["trouble_token"])
    page.context.close()


def test_how_much_has_been_sent_is_shown(open_page: Open) -> None:
    courier = open_page()
    courier.agree()
    network = courier.page.context.new_cdp_session(courier.page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 50_000}
    network.send("Network.emulateNetworkConditions", slow)
    courier.page.evaluate(
        """() => {
          window.shares = [];
          const bar = document.getElementById("progress");
          new MutationObserver(() => window.shares.push(bar.getAttribute("value"))).observe(bar, { attributes: true });
        }"""
    )

    courier.send(photos.parcel())

    shares = [int(share) for share in courier.page.evaluate("window.shares") if share is not None]
    assert shares == sorted(shares)
    assert any(0 < share < 100 for share in shares)
    assert shares[-1] == 100


def test_a_long_check_is_asked_after_as_often_as_the_service_says_and_not_for_ever(open_page: Open) -> None:
    courier = open_page()
    page = courier.page
    courier.agree()
    asked: list[str] = []

    def pending(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(
            headers={"access-control-allow-origin": page.evaluate("location.origin")},
            json={"id": "0" * 32, "status": "PROCESSING", "retry_after_ms": 4000},
        )

    page.route("**/uploads/*", pending)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    with page.expect_request("**/uploads/*"):
        courier.choose(photos.parcel())
        page.locator("#send").click()
    page.wait_for_timeout(300)

    page.clock.run_for(3900)
    page.wait_for_timeout(300)  # By the real clock: a request that should not be made gets its chance.
    assert len(asked) == 1
    with page.expect_request("**/uploads/*"):
        page.clock.run_for(200)
    page.clock.fast_forward(31_000)
    expect(page.locator("#sending-text")).to_have_text(ENGLISH["checking_long"])
    page.clock.fast_forward(11 * 60_000)
    expect(page.locator("#trouble-text")).to_have_text(ENGLISH["trouble_slow"])


def test_what_the_browser_cannot_show_is_named(open_page: Open) -> None:
    courier = open_page()
    courier.agree()

    courier.choose(photos.encode(photos.picture("coffee"), "TIFF"), "scan")

    expect(courier.page.locator("#preview-facts")).to_have_text("TIFF, 720 kB")
    expect(courier.page.locator("#preview-picture")).to_be_hidden()
    expect(courier.page.locator("#send")).to_be_visible()


def test_the_token_leaves_the_address_and_nothing_is_kept(open_page: Open, origin: str) -> None:
    courier = open_page()
    courier.agree()
    courier.send(photos.parcel())

    assert courier.page.evaluate("[location.href, history.state]") == [origin + "/", None]
    state = courier.page.context.storage_state(indexed_db=True)
    assert (state["cookies"], state["origins"]) == ([], [])
    assert courier.page.evaluate("caches.keys()") == []


def test_the_file_s_name_stays_on_the_phone(open_page: Open) -> None:
    courier = open_page()
    courier.agree()
    courier.page.evaluate(
        """() => {
          window.sent = [];
          const record = (body) => body && window.sent.push(new Response(body).text());
          const [send, fetch] = [XMLHttpRequest.prototype.send, window.fetch];
          XMLHttpRequest.prototype.send = function (body) { record(body); return send.call(this, body); };
          window.fetch = (url, options) => { record(options?.body); return fetch(url, options); };
        }"""
    )

    courier.choose(photos.parcel(), "my own front door.jpg")
    courier.page.locator("#send").click()
    courier.outcome()

    announcement, form = courier.page.evaluate("Promise.all(window.sent)")
    assert json.loads(announcement)["purpose"] == PURPOSE
    assert 'name="file"; filename="photo"' in form
    assert "front door" not in announcement + form


def test_the_page_speaks_to_the_configured_origins_only(open_page: Open) -> None:
    courier = open_page()
    told: list[str] = []
    courier.page.on("console", lambda message: told.append(message.text))

    courier.page.evaluate("fetch('https://elsewhere.example/').catch(() => null)")
    courier.page.evaluate(
        "new Promise(done => { const i = new Image(); i.onerror = done; i.src = 'https://elsewhere.example/i'; })"
    )

    assert sum("Content Security Policy" in text for text in told) >= 2


# Every text that is seen, with its colour and the first ground behind it that is not transparent.
CONTRASTS = """() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const luminance = (c) => {
    const [r, g, b] = rgb(c).slice(0, 3).map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (rgb(c)[3] !== 0) return c;
    }
    throw new Error("no ground");
  };
  const found = [];
  for (const e of document.querySelectorAll("main *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.closest(".aside, option, noscript")) continue;
    const [a, b] = [luminance(getComputedStyle(e).color), luminance(ground(e))].sort((x, y) => y - x);
    found.push([e.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""


def widths(page: Page) -> tuple[int, int]:
    return page.evaluate("document.documentElement.scrollWidth"), page.viewport_size["width"]  # type: ignore[index]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-GB", "de-DE", "fr-FR", "es-ES"])
def test_every_step_fits_a_small_phone_can_be_read_and_can_be_touched(
    open_page: Open, scheme: str, language: str
) -> None:
    courier = open_page(size={"width": 320, "height": 568}, scheme=scheme, language=language)
    page = courier.page

    def check() -> None:
        wide, seen = widths(page)
        assert wide <= seen
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) >= 3
        assert [c for c in contrasts if c[1] < 4.5] == []  # WCAG 2.2, 1.4.3
        for control in page.locator("button:visible, .button:visible, select:visible").all():
            box = control.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44  # WCAG 2.2, 2.5.5

    check()
    courier.agree()
    check()
    courier.choose(b"no photo at all")
    check()
    courier.choose(photos.parcel())
    expect(page.locator("#preview")).to_be_visible()
    check()


def test_the_whole_way_can_be_gone_by_keyboard_and_each_step_is_announced(open_page: Open) -> None:
    courier = open_page()
    page = courier.page
    focused = "document.activeElement.id"
    assert page.evaluate(focused) == "notice-heading"

    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "agree"
    page.keyboard.press("Enter")
    expect(page.locator("#choose-heading")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "camera-input"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photos.parcel()})
    expect(page.locator("#preview-heading")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_have_text(ENGLISH["checking"])

    courier.outcome()
    expect(page.locator("#outcome-heading")).to_be_focused()


def test_every_control_and_picture_has_a_name(open_page: Open) -> None:
    courier = open_page()
    courier.agree()
    courier.send(photos.parcel())
    expect(courier.page.locator("#stored")).to_be_visible()

    unnamed = courier.page.evaluate(
        """[...document.querySelectorAll("button, select, input, img, progress")].filter((e) =>
             !(e.labels?.[0]?.textContent.trim() || e.textContent.trim() || e.alt?.trim()
               || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent.trim()))
           .map((e) => e.id)"""
    )

    assert unnamed == []


def test_nothing_moves_where_motion_is_not_wanted(open_page: Open) -> None:
    moving = "getComputedStyle(document.getElementById('progress')).animationName"

    assert open_page().page.evaluate(moving) == "breathe"
    assert open_page(reduced_motion="reduce").page.evaluate(moving) == "none"
