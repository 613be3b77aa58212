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
