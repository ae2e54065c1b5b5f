/** Speaks to the HTTP API, with one token. It keeps nothing beyond the page's own life. */

const PATIENCE_MS = [500, 1500, 4000];
const PASSING = [429, 502, 503, 504];

/** What the API (or the network) answered instead of a result; `name` is the problem's, "Network" where there was none. */
export class Problem extends Error {
  constructor(status, name) {
    super(`${status} ${name}`);
    this.status = status;
    this.problem = name;
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Tells whether a token says of itself that its time is over; whether it is good is for the API to say. */
function expired(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).exp * 1000 < Date.now();
  } catch {
    return false;
  }
}

export class Api {
  constructor(url, token) {
    this.url = url.replace(/\/+$/, "");
    this.token = token;
    this.language = "en";
  }

  /** Each purpose's notice, and the caller's own consents. */
  consents() {
    return this.#repeat("GET", "/consents");
  }

  /** Not repeated by itself: each request makes a record of its own. */
  consent(purpose, notice_hash, decision) {
    return this.#call("POST", "/consents", { purpose, notice_hash, decision });
  }

  withdraw(id) {
    return this.#repeat("POST", `/consents/${id}/withdraw`);
  }

  /** The proof that a consent's event is in the log, as text; an event is sealed within seconds. */
  receipt({ receipt }) {
    return this.#repeat("GET", receipt);
  }

  /** Announces a photo; `key` makes repeating it harmless. */
  requestUpload(announcement, key) {
    return this.#repeat("POST", "/uploads", announcement, { "Idempotency-Key": key });
  }

  upload(id) {
    return this.#repeat("GET", `/uploads/${id}`);
  }

  photo(id) {
    return this.#repeat("GET", `/photos/${id}`);
  }

  async #repeat(...request) {
    for (const wait of PATIENCE_MS) {
      try {
        return await this.#call(...request);
      } catch (problem) {
        if (problem.problem !== "Network" && !PASSING.includes(problem.status)) throw problem;
      }
      await pause(wait);
    }
    return this.#call(...request);
  }

  async #call(method, path, body, more = {}) {
    const headers = { Authorization: `Bearer ${this.token}`, "Accept-Language": this.language, ...more };
    if (body) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(this.url + path, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
      });
    } catch {
      // A refusal before any function runs may come without CORS headers: the browser then shows it as a network error.
      throw expired(this.token) ? new Problem(401, "Token") : new Problem(0, "Network");
    }
    const plain = response.headers.get("Content-Type")?.startsWith("text/plain");
    const document = plain ? await response.text() : await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem(response.status, String(document.type ?? "").split(":").pop());
    return document;
  }
}

/** Posts a file by a presigned form. The file's own name stays on the device. */
export function sendForm({ url, fields }, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", file, "photo"); // S3 reads no field after this one.
    const request = new XMLHttpRequest();
    request.upload.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total);
    request.onload = () => (request.status < 300 ? resolve() : reject(new Problem(request.status, "Storage")));
    request.onerror = () => reject(new Problem(0, "Network"));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", url);
    request.send(form);
  });
}
