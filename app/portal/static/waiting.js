// Measurements and lines of a diary that wait on this phone: each has a key of its own and the mark of whose it is, and is sent to its person's
// record only. It is taken away here when the server says that it is kept; sent twice, the server keeps it once.

const STORES = { entries: { keyPath: "key" }, state: {} };

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("regie", 1);
    asked.onupgradeneeded = () => {
      for (const [name, options] of Object.entries(STORES)) asked.result.createObjectStore(name, options);
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

// Returns the result of one request to a store, once its transaction is on the disk.
async function done(store, mode, ask) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode, { durability: "strict" });
      const request = ask(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

export const put = (entry) => done("entries", "readwrite", (store) => store.put(entry));

// What was taken away in another tab meanwhile does not come back.
const renew = (entry) =>
  done("entries", "readwrite", (store) => {
    const there = store.getKey(entry.key);
    there.onsuccess = () => { if (there.result !== undefined) store.put(entry); };
    return there;
  });

export const remove = (key) => done("entries", "readwrite", (store) => store.delete(key));
export const owner = () => done("state", "readonly", (store) => store.get("owner"));
const say = (name, value) => done("state", "readwrite", (store) => store.put(value, name));
const said = (name) => done("state", "readonly", (store) => store.get(name));

const waitingOfAll = () => done("entries", "readonly", (store) => store.getAll());

export async function waitingOf(whose) {
  return (await waitingOfAll()).filter((entry) => entry.whose === whose).sort((one, other) => (one.at < other.at ? -1 : 1));
}

const TRIED_LATER = [401, 408, 429];

// Returns what became of an entry: "kept", "stays" (no network, no login), or what is wrong with it in words.
async function sent(entry, token, refused) {
  const form = new URLSearchParams({ ...entry.fields, key: entry.key, kind: entry.kind, whose: entry.whose, csrf_token: token });
  let answer;
  try {
    answer = await fetch("/measurements/waiting", { method: "POST", body: form, redirect: "manual" });
  } catch {
    return "stays"; // the network is away
  }
  const isTold = answer.headers.get("content-type")?.startsWith("application/json");
  const { kept, problems } = isTold ? await answer.json() : {}; // a page is an error, or of what stands between
  if (problems) return problems;
  if (kept === entry.key) return "kept";
  return answer.status >= 400 && answer.status < 500 && !TRIED_LATER.includes(answer.status) ? [refused] : "stays";
}

// Sends all that waits for `whose`, one tab at a time; returns how many were kept and how many still wait. What is not taken stays
// with the reason, or with `refused` if none is given, and holds up nothing behind it.
function sync(whose, token, refused) {
  return navigator.locks.request("sync", async () => {
    let kept = 0;
    for (const entry of await waitingOf(whose)) {
      const result = await sent(entry, token, refused);
      if (result === "kept") {
        await remove(entry.key);
        kept += 1;
      } else if (result === "stays") break;
      else await renew({ ...entry, problems: result });
    }
    return { kept, left: (await waitingOf(whose)).length };
  });
}

function show(place, { kept, left }) {
  const text = left ? place.dataset.left.replace("{}", left) : kept ? place.dataset.kept : "";
  if (!text) return;
  place.querySelector("span").textContent = text;
  place.querySelector("a").hidden = left === 0;
  place.hidden = false;
}

const LOOK_MS = 2_000; // what waits is found at once, or the browser does not answer at all
const SEND_MS = 10_000;

function inTime(promise, most = LOOK_MS) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error("It took too long.")), most));
  return Promise.race([promise, late]);
}

// Before logging out what waits is sent. What can't be stays on this phone, bound to its person, if they say so. The server
// empties the browser of all else, unless anything of anybody waits in it, or may.
function sendBeforeLogout(whose, token, place) {
  for (const form of document.querySelectorAll('form[action="/logout"]')) {
    let isBusy = false;
    addEventListener("pageshow", () => {
      isBusy = false; // the way back may show the page as it was left
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      if (isBusy) return;
      isBusy = true;
      let all = "unknown"; // a browser that does not answer may still have something: then the server throws nothing away
      try {
        if (token && (await inTime(waitingOf(whose))).length) await inTime(sync(whose, token, place.dataset.refused), SEND_MS).catch(console.warn);
        const entries = await inTime(waitingOfAll());
        all = entries.length;
        const left = entries.filter((entry) => entry.whose === whose).length;
        if (left && !confirm(place.dataset.leave.replace("{}", left))) {
          isBusy = false;
          return;
        }
        await inTime(say("owner", ""));
      } catch (error) {
        console.warn(error); // a browser that keeps nothing, or has no room: who wants to log out is logged out
      }
      if (all) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "waiting", value: all }));
      form.submit();
    });
  }
}

async function begin(place) {
  const { whose, token, look, refused } = place.dataset;
  sendBeforeLogout(whose, token, place);
  await say("owner", whose);
  const { active } = await navigator.serviceWorker.register("/worker.js");
  if ((await said("look")) !== look) {
    active?.postMessage("renew");
    await say("look", look);
  }
  if (!token) return; // in the record of another nothing is sent
  const send = async () => show(place, await sync(whose, token, refused));
  addEventListener("online", send);
  await send();
}

const place = document.querySelector("[data-whose]");
if (place && isSecureContext) begin(place);
