/**
 * Keeps what the pages are made of, so that they open without a network.
 *
 * What is named by its contents (the static files and models with their digests) is taken from here first; pages are
 * fetched, and taken from here when that fails. All else is left alone. It is no module: not every browser that has
 * service workers takes one.
 */

const scope = /** @type {ServiceWorkerScope} */ (/** @type {unknown} */ (self));
const CACHE = new URL(".", scope.location.href).pathname; // holds the version of the static files

/** @param {URL} address */
const isForEver = ({ pathname, searchParams }) =>
  pathname.startsWith(CACHE) || (pathname.endsWith(".onnx") && searchParams.has("digest"));

scope.addEventListener("install", (event) => {
  // Where the browser can, it takes what is kept without waking this worker.
  event.addRoutes?.({ condition: { urlPattern: { pathname: `${CACHE}*` } }, source: "cache" }).catch(() => {});
  void scope.skipWaiting();
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(dropOldVersions());
});

scope.addEventListener("message", (event) => {
  event.waitUntil(keepAll(event.data));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== scope.location.origin) return;
  if (isForEver(address)) event.respondWith(keptOrFetched(request));
  else if (request.mode === "navigate") event.respondWith(fetchedOrKept(request));
});

async function dropOldVersions() {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
  await scope.clients.claim();
}

/** @param {{ addresses: string[], headers: Record<string, string> }} wanted */
async function keepAll({ addresses, headers }) {
  const cache = await caches.open(CACHE);
  for (const address of addresses) {
    const isPage = !isForEver(new URL(address));
    const request = new Request(address, { headers });
    if (isPage || !(await cache.match(address))) await cache.add(request).catch(() => {}); // absent, or offline
  }
}

/** @param {Request} request */
async function keptOrFetched(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

/** @param {Request} request */
async function fetchedOrKept(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(request, { ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}
