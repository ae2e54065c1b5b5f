/** The upload page: notice, consent, photo, outcome. One section is shown at a time. */

import { Api, Problem, pause, sendForm } from "./api.js";
import { read } from "./photo.js";

const SECTIONS = ["loading", "notice", "refused", "choose", "preview", "sending", "outcome", "trouble"];
const PENDING = ["AWAITING_UPLOAD", "PROCESSING"];
// Waiting for the check: after this long the page says so, and asks less often; after the second, it stops asking.
const LONG_MS = 30_000;
const TOO_LONG_MS = 10 * 60_000;

const KIND = { ACCEPTED: "good", REDACTED: "good", RETAKE: "attention", IN_REVIEW: "attention" };
const ICON = { good: "#done", attention: "#again", bad: "#stop" };

const element = (id) => document.getElementById(id);
const shown = { section: "loading", outcome: null };

let texts; // All languages, from strings.json.
let language = "en";
let api;
let config;
let notice; // {notice, notice_hash, valid_days}
let consent; // {id, notice_hash, ...} while it stands
let withdrawn = []; // The consents that were withdrawn on this visit.
let photo; // What `read` gave of the chosen file.
let leaving = new AbortController(); // Aborts what is being sent.
let retry = () => location.reload();

function say(key, values = {}) {
  const text = texts[language][key] ?? texts.en[key];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function show(section) {
  shown.section = section;
  for (const name of SECTIONS) element(name).hidden = name !== section;
  element("consent").hidden = !consent;
  element("proof").hidden = !withdrawn.length;
  element("announcer").textContent = "";
  element(section).querySelector("h2")?.focus();
  window.scrollTo(0, 0);
}

/** Says it to a screen reader too, without moving the focus. */
function tell(text) {
  element("sending-text").textContent = text;
  if (element("announcer").textContent !== text) element("announcer").textContent = text;
}

function remark(id, key, values) {
  element(id).hidden = !key;
  element(id).textContent = key ? say(key, values) : "";
}

// ------------------------------------------------------------------------------------------------------------ words

function speak(wanted) {
  language = wanted;
  if (api) api.language = wanted;
  document.documentElement.lang = wanted;
  element("language").value = wanted;
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = say(node.dataset.text);
  if (notice) describeNotice();
  if (photo) describePhoto();
  if (shown.outcome) translateOutcome();
}

function preferredLanguage() {
  const known = (navigator.languages ?? [navigator.language]).map((l) => l.slice(0, 2).toLowerCase());
  return known.find((l) => l in texts) ?? "en";
}

function describeNotice() {
  element("notice-text").textContent = notice.notice;
  const until = new Date(Date.now() + notice.valid_days * 86_400_000);
  element("notice-validity").textContent = say("notice_validity", {
    date: new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(until),
  });
}

// ---------------------------------------------------------------------------------------------------------- consent

/** Reads the notice, and the consents to this purpose that stand, newest first: some may be of an earlier visit. */
async function readConsents() {
  const { purposes, consents } = await api.consents();
  notice = purposes?.[config.purpose];
  if (!notice) throw new Problem(404, "Setup");
  describeNotice();
  return consents.filter((held) => held.valid && held.purpose === config.purpose);
}

/** Shows the notice. A consent that stands, to an earlier one, can still be withdrawn. */
async function askConsent(remarkKey) {
  [consent] = await readConsents();
  remark("notice-remark", remarkKey);
  show("notice");
}

/** Goes on with the consent of an earlier visit, if it is to the notice in force. */
async function resume() {
  await askConsent();
  if (consent?.notice_hash === notice.notice_hash) choose();
  else if (consent) remark("notice-remark", "notice_changed");
}

async function answerNotice(decision) {
  const answer = await api.consent(config.purpose, notice.notice_hash, decision).catch((problem) => {
    // The notice has changed since it was shown: nobody agreed to the new one yet.
    if (problem.status === 400) return askConsent("notice_changed");
    throw problem;
  });
  if (!answer) return;
  if (decision === "refused") return show("refused");
  consent = answer;
  choose();
}

/** Withdraws every consent to this purpose, not only the one that the page goes by. */
async function withdraw() {
  for (const { id } of await readConsents()) withdrawn.push(await api.withdraw(id));
  forgetPhoto();
  shown.outcome = null;
  await askConsent("withdrawn");
}

/** Saves the receipts of what was withdrawn: whoever has the log's public key can check them. */
async function saveReceipts() {
  for (const { id, events } of withdrawn) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await api.receipt(events.at(-1))], { type: "text/plain" }));
    link.download = `consent-${id}.tlog-proof`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}

// ------------------------------------------------------------------------------------------------------------ photo

function choose(remarkKey) {
  forgetPhoto();
  shown.outcome = null;
  remark("choose-remark", remarkKey);
  show("choose");
}

function forgetPhoto() {
  photo = undefined;
  leaving.abort();
  const picture = element("preview-picture");
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.removeAttribute("src");
  element("stored-picture").removeAttribute("src");
}

async function chosen(event) {
  const [file] = event.target.files;
  if (!file) return;
  const found = await read(file);
  event.target.value = ""; // The same file may be chosen again.
  if (found.fault) return choose(`fault_${found.fault}`);
  photo = found;
  const picture = element("preview-picture");
  picture.hidden = false;
  picture.onerror = () => (picture.hidden = true); // Few browsers show HEIC or TIFF; the service reads them all.
  picture.src = URL.createObjectURL(file);
  describePhoto();
  show("preview");
}

function describePhoto() {
  const [unit, bytes] = photo.size < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const format = new Intl.NumberFormat(language, { style: "unit", unit, maximumSignificantDigits: 2 });
  element("preview-picture").alt = say("preview_alt");
  element("preview-facts").textContent =
    `${photo.content_type.split("/")[1].toUpperCase()}, ${format.format(photo.size / bytes)}`;
}

async function send() {
  const sent = photo;
  leaving = new AbortController();
  show("sending");
  stage("sending_heading", "sending_prepare");
  const { content_type, size, sha256 } = sent;
  const announcement = { content_type, size, sha256, purpose: config.purpose, consent_id: consent.id };
  let upload = await api.requestUpload(announcement, sent.key);
  if (upload.status === "AWAITING_UPLOAD" && !upload.post) {
    // The link of the first attempt has expired: this is a new upload of the same photo.
    sent.key = crypto.randomUUID();
    upload = await api.requestUpload(announcement, sent.key);
  }
  if (photo === sent && upload.post) await sendForm(upload.post, sent.file, progress, leaving.signal);
  await watch(upload.id, sent);
}

/** Names what goes on, of which nobody knows yet how long it takes. */
function stage(headingKey, textKey) {
  element("sending-heading").dataset.text = headingKey;
  element("sending-heading").textContent = say(headingKey);
  element("progress").removeAttribute("value");
  tell(say(textKey));
}

function progress(share) {
  const percent = Math.round(share * 100);
  element("progress").value = percent;
  element("sending-text").textContent = say("sending_percent", { percent });
}

async function watch(id, sent) {
  stage("checking_heading", "checking");
  const start = performance.now();
  while (photo === sent) {
    const upload = await api.upload(id);
    // Meanwhile the photo may have been given up, by withdrawing consent.
    if (photo !== sent) return;
    if (!PENDING.includes(upload.status)) return finish(upload);
    const waited = performance.now() - start;
    if (waited > TOO_LONG_MS) throw new Problem(0, "Slow");
    if (waited > LONG_MS) tell(say("checking_long"));
    await pause(Math.max(upload.retry_after_ms ?? 1000, waited > LONG_MS ? 5000 : 0));
  }
}

// ---------------------------------------------------------------------------------------------------------- outcome

async function finish(upload) {
  shown.outcome = upload;
  forgetPhoto();
  describeOutcome();
  element("stored").hidden = true;
  show("outcome");
  if (!upload.photo) return;
  const link = await api.photo(upload.id).catch(() => null); // Not every caller may see it; the outcome stands.
  if (!link || shown.outcome?.id !== upload.id) return;
  const picture = element("stored-picture");
  picture.onload = () => (element("stored").hidden = false);
  picture.src = link.url;
}

/** The message is the service's: it is asked for again in the new language. */
async function translateOutcome() {
  const { id } = shown.outcome;
  describeOutcome();
  const upload = await api.upload(id).catch(() => null);
  if (upload && shown.outcome?.id === id) {
    shown.outcome = upload;
    describeOutcome();
  }
}

function describeOutcome() {
  const { id, status, message } = shown.outcome;
  const kind = KIND[status] ?? "bad";
  element("outcome").dataset.kind = kind;
  element("outcome-icon").setAttribute("href", status === "IN_REVIEW" ? "#wait" : ICON[kind]);
  element("outcome-heading").textContent = say(`outcome_${status}`);
  element("outcome-text").textContent = message || say(`advice_${status}`);
  element("outcome-reference").textContent = say("reference", { id });
  element("another-text").textContent = say(["RETAKE", "REJECTED", "EXPIRED"].includes(status) ? "take_again" : "another");
  element("stored-picture").alt = say("stored_alt");
}

// ---------------------------------------------------------------------------------------------------------- trouble

const TROUBLE = {
  Network: "trouble_network",
  Storage: "trouble_storage",
  Slow: "trouble_slow",
  Setup: "trouble_setup",
  Fenced: "trouble_erasing", // Right after consent was withdrawn.
};

/** Runs an action; its button rests meanwhile, and what goes wrong is told with a way on. */
const act = (action) => async (event) => {
  const button = event?.currentTarget instanceof HTMLButtonElement ? event.currentTarget : null;
  if (button) button.disabled = true;
  try {
    await action(event);
  } catch (problem) {
    if (problem.name === "AbortError") return; // Given up on purpose.
    await explain(problem, () => act(action)(event));
  } finally {
    if (button) button.disabled = false;
  }
};

async function explain(problem, again) {
  const status = problem instanceof Problem ? problem.status : -1;
  if (problem.problem === "ConsentMissing") return act(() => askConsent("consent_missing"))();
  const key = TROUBLE[problem.problem] ?? { 401: "trouble_token", 403: "trouble_scope" }[status] ?? "trouble_service";
  element("trouble-text").textContent = say(key);
  // A new token comes only from whoever opened this page.
  element("retry").hidden = status === 401 || status === 403 || problem.problem === "Setup";
  retry = again;
  show("trouble");
}

// ------------------------------------------------------------------------------------------------------------ start

/** Takes the token out of the address, before anything else can read, keep or share it. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** From here on, the browser lets this page speak to these origins only. */
function confine({ api_url, storage_origins }) {
  const storage = storage_origins.join(" ");
  const policy = document.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = `connect-src 'self' ${new URL(api_url).origin} ${storage}; img-src 'self' blob: ${storage}`;
  document.head.append(policy);
}

async function load(name) {
  const response = await fetch(name, { cache: "no-cache", credentials: "same-origin" });
  if (!response.ok) throw new Problem(response.status, "Setup");
  return response.json();
}

async function configure(token) {
  try {
    config = await load("config.json");
    confine(config);
  } catch {
    throw new Problem(0, "Setup");
  }
  api = new Api(config.api_url, token);
  api.language = language;
}

async function start(token) {
  texts = await load("strings.json");
  const choice = element("language");
  choice.append(...Object.entries(texts).map(([code, words]) => new Option(words.name, code)));
  choice.addEventListener("change", () => speak(choice.value));
  speak(preferredLanguage());
  const on = (id, event, action) => element(id).addEventListener(event, act(action));
  on("agree", "click", () => answerNotice("given"));
  on("refuse", "click", () => answerNotice("refused"));
  on("reconsider", "click", () => askConsent());
  on("camera-input", "change", chosen);
  on("file-input", "change", chosen);
  on("send", "click", send);
  on("discard", "click", () => choose());
  on("another", "click", () => choose());
  on("withdraw", "click", withdraw);
  on("save-receipt", "click", saveReceipts);
  on("retry", "click", () => retry());
  if (!token) throw new Problem(401, "Token");
  await configure(token);
  await resume();
}

const token = takeToken();
try {
  await start(token);
} catch (problem) {
  if (!texts) throw problem;
  await explain(problem, act(resume));
}
