// Forms: one that is sent by a double click, or again while its answer is on the way, goes out once.
// Without this file the server tells the second one apart, or does it twice where that changes nothing.

const WAIT_MS = 10_000; // an answer that takes longer was perhaps stopped by the person
const sentAt = new WeakMap();

addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  const now = Date.now();
  if (now - (sentAt.get(form) ?? 0) < WAIT_MS) event.preventDefault();
  else sentAt.set(form, now);
});

// The way back may show the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.forms) sentAt.delete(form);
});

for (const print of document.querySelectorAll("[data-print]")) print.addEventListener("click", () => window.print());
