// Forms: one that is sent by a double click, or again while its answer is on the way, goes out once, and its button says so.
// Without this file the server tells the second one apart, or does it twice where that changes nothing.

const WAIT_MS = 10_000; // an answer that takes longer was perhaps stopped by the person
const SAY_MS = 400; // most answers are there sooner: then nothing changes before the eyes
const sentAt = new WeakMap();
const saying = new Map();

function sayWait(button) {
  const timer = setTimeout(() => {
    if (!saying.has(button)) return;
    saying.set(button, [...button.childNodes]);
    button.style.minWidth = `${button.offsetWidth}px`;
    button.setAttribute("aria-live", "polite");
    button.replaceChildren(document.body.dataset.wait);
  }, SAY_MS);
  saying.set(button, null);
  setTimeout(() => { clearTimeout(timer); sayAgain(button); }, WAIT_MS);
}

function sayAgain(button) {
  const words = saying.get(button);
  saying.delete(button);
  if (words) button.replaceChildren(...words);
}

addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  const now = Date.now();
  if (now - (sentAt.get(form) ?? 0) < WAIT_MS) {
    event.preventDefault();
    return;
  }
  sentAt.set(form, now);
  if (!event.defaultPrevented && event.submitter && !event.submitter.matches(".unseen")) sayWait(event.submitter);
});

// The way back may show the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.forms) sentAt.delete(form);
  for (const button of [...saying.keys()]) sayAgain(button);
});

for (const print of document.querySelectorAll("[data-print]")) print.addEventListener("click", () => window.print());

// A form that was refused is the answer to a POST, to which no browser goes back without asking. Its place in the history becomes
// that of the page with the form, and this tab keeps what was typed; on the way back it stands there again, for whose it was only.
// After an hour, on logging out, and with the tab it is gone.
const HOUR_MS = 3_600_000;
const REFUSED = "refused ";
const refusedBefore = () => Object.keys(sessionStorage).filter((name) => name.startsWith(REFUSED));
for (const name of refusedBefore()) if (Date.now() - Number(name.slice(REFUSED.length)) > HOUR_MS) sessionStorage.removeItem(name);
addEventListener("submit", (event) => {
  if (event.target.matches('[action="/logout"]')) for (const name of refusedBefore()) sessionStorage.removeItem(name);
}, true);

const form = document.querySelector("main input[name=whose]")?.form; // an old phone knows no :has()
const fields = () => [...form.elements].filter((one) => one.name && !["hidden", "submit"].includes(one.type));

/** Add a row for one more answer below that of a field: the page of a question with several answers begins with one. */
function another(field) {
  const row = [...(field?.closest(".several")?.children ?? [])].find((one) => one.contains(field));
  if (!row) return;
  const more = row.cloneNode(true), inside = (one) => [one, ...one.querySelectorAll("*")];
  inside(row).forEach((one, place) => {
    const copy = inside(more)[place];
    copy.removeAttribute("id");
    if (one.labels?.length) copy.setAttribute("aria-label", one.labels[0].textContent);
  });
  row.after(more);
}

const kept = form && JSON.parse(sessionStorage.getItem(history.state?.refused) ?? "null");

if (form && document.querySelector("main [role=alert]:not([hidden])")) {
  const refused = `${REFUSED}${Date.now()}`, typed = fields().map(({ name, value, checked }) => ({ name, value, checked }));
  try {
    sessionStorage.setItem(refused, JSON.stringify({ whose: form.elements.whose.value, typed }));
  } catch (error) {
    console.warn(error); // there is no room: the way back shows the form without it
  }
  history.replaceState({ refused }, "");
} else if (kept && kept.whose === form.elements.whose.value) {
  const seen = new Map();
  for (const { name, value, checked } of kept.typed) {
    const alike = () => fields().filter((one) => one.name === name), at = seen.get(name) ?? 0;
    seen.set(name, at + 1);
    if (at && at === alike().length) another(alike().at(-1));
    const same = alike();
    for (const one of same) {
      if (["checkbox", "radio"].includes(one.type)) one.checked = one.value === value ? checked : one.checked;
      else if (one === same[at]) one.value = value;
    }
  }
}
