/**
 * The token, where the operator of the server demands one: asked for once the server wants it, kept until the tab closes.
 */

const KEY = "sayso.token";

/** What a request for the API carries. @returns {Record<string, string>} */
export function headers() {
  const token = read();
  return token === "" ? {} : { Authorization: `Bearer ${token}` };
}

/** The same for a WebSocket, to which a page can give no headers. @returns {string[]} */
export function protocols() {
  const token = read();
  if (token === "") return [];
  const letters = String.fromCharCode(...new TextEncoder().encode(token));
  const encoded = btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return ["sayso", `bearer.${encoded}`];
}

/**
 * Fetch from the API; the user is asked for the token where the server wants another one.
 *
 * @param {string | URL} address
 * @param {() => RequestInit} [options] made anew for each attempt
 */
export async function fetchAllowed(address, options = () => ({})) {
  for (;;) {
    const wanted = options();
    const response = await fetch(address, { ...wanted, headers: { ...wanted.headers, ...headers() } });
    if (response.status !== 401 || !(await askForToken())) return response;
  }
}

/** Whether the server wanted a token there, and the user has just given one. @param {string} address */
export async function isAllowedNow(address) {
  const response = await fetch(address, { headers: headers() }).catch(() => null);
  return response?.status === 401 && (await askForToken());
}

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Ask the user for the token.
 *
 * @returns {Promise<boolean>} whether there is another one; false on pages that have no field for it
 */
export function askForToken() {
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

async function ask() {
  if (document.readyState === "loading") {
    await new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }));
  }
  const dialog = document.getElementById("token");
  const field = dialog?.querySelector("input");
  if (!(dialog instanceof HTMLDialogElement) || !field) return false;
  dialog.dataset.refused = String(read() !== "");
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "use" || field.value.trim() === "") return false;
  keep(field.value.trim());
  return true;
}

let kept = ""; // where storage is switched off

function read() {
  try {
    return sessionStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

/** @param {string} token */
function keep(token) {
  kept = token;
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // It holds until the page is left.
  }
}
