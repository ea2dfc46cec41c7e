// Who this page is to the server: the one-time token of the address becomes a cookie that no script can read.
const API = "/api/v1/";

export class Refused extends Error {}

/** A request; its JSON. Raises `Refused` with the server's words. */
export async function call(path, body) {
  const asked = { credentials: "same-origin", cache: "no-store", headers: { "X-Arbkit": "1" } };
  if (body !== undefined) {
    asked.method = "POST";
    asked.headers["Content-Type"] = "application/json";
    asked.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(API + path, asked);
  } catch {
    throw new Refused("The server does not answer. Is the run still alive?");
  }
  let found = null;
  try {
    found = await answer.json();
  } catch {
    // not JSON: the status says enough
  }
  if (answer.ok) return found;
  const refused = new Refused(found?.error ?? `The server refused this (HTTP ${answer.status}).`);
  refused.status = answer.status;
  throw refused;
}

/** The token of the address, and the address without it, also in the history of the browser. */
function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", `${location.pathname}#/overview`);
  return decodeURIComponent(found[1]);
}

export class Session {
  constructor() {
    /** `read` or `trade`; null = not logged in. */
    this.scope = null;
    this.why = "";
  }

  get mayTrade() {
    return this.scope === "trade";
  }

  /** Logs in with the token of the address, or goes on with the cookie. Returns whether there is a session. */
  async begin() {
    const token = takeToken();
    try {
      this.scope = (token === null ? await call("session") : await call("login", { token })).scope;
    } catch (error) {
      this.scope = null;
      this.why = token === null && error.status === 401 ? "" : error.message;
    }
    return this.scope !== null;
  }

  /** ok, refused (the server answers and does not know us), or dead. */
  async check() {
    try {
      await call("session");
      return "ok";
    } catch (error) {
      return error.status === 401 || error.status === 403 ? "refused" : "dead";
    }
  }
}
