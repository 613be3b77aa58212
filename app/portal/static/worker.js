// The worker: keeps the offline form with its style and scripts, and shows it when a page can't be reached.
// NAME and KEPT are put before this by offline.py. No page about a person passes through what is kept here.

self.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers());
});

// A page says that its language or look is another one now.
self.addEventListener("message", (event) => {
  if (event.data === "renew") event.waitUntil(keep());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => form()));
  else if (url.origin === location.origin && isKept(url)) event.respondWith(kept(request));
});

// A script that imports another one asks for it without the mark of its content.
function isKept(url) {
  return KEPT.some((address) => (url.search ? address === url.pathname + url.search : address.split("?")[0] === url.pathname));
}

async function keep() {
  const cache = await caches.open(NAME);
  await cache.addAll(KEPT.map((address) => new Request(address, { cache: "no-cache" })));
}

async function forgetOthers() {
  for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
}

async function form() {
  return (await (await caches.open(NAME)).match(KEPT[0], { ignoreVary: true })) ?? Response.error();
}

async function kept(request) {
  return (await (await caches.open(NAME)).match(request, { ignoreVary: true, ignoreSearch: new URL(request.url).search === "" })) ?? fetch(request);
}
