// The offline form: keeps what is typed on this phone until it can be sent, and shows what waits.

import { owner, put, remove, waitingOf } from "./waiting.js";

const main = document.querySelector("[data-offline]");
const form = main.querySelector("form");
const list = main.querySelector("[data-list]");
const SHOWN_LENGTH = 80;
const THOUSANDS = /^[0-9]{1,3}([. ][0-9]{3})+$/;

function fieldsOf(kind) {
  return form.querySelector(`fieldset[data-kind="${kind}"]`);
}

function leaveOut(name, isOut) {
  const input = form.elements[name];
  input.disabled = input.closest(".field").hidden = Boolean(isOut);
}

function chooseKind() {
  for (const fields of form.querySelectorAll("fieldset[data-kind]")) {
    fields.hidden = fields.disabled = fields.dataset.kind !== form.elements.kind.value;
  }
  const chosen = fieldsOf(form.elements.kind.value);
  leaveOut("clock", "daily" in chosen.dataset);
  leaveOut("note", chosen.querySelector("textarea"));
}

// The clock of the record, also on a phone that has another one: what is typed is read as the time of the record.
function setNow() {
  const asWritten = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "short", timeZone: main.dataset.zone });
  [form.elements.day.value, form.elements.clock.value] = asWritten.format(new Date()).split(" ");
}

// Returns what a field says as the server reads it (measuring.py), not-a-number if that is no number.
function valueOf(input) {
  const digits = Number(input.dataset.digits);
  const typed = input.value.trim();
  const text = digits === 0 && THOUSANDS.test(typed) ? typed.replace(/[. ]/g, "") : typed;
  const found = /^[0-9]{1,6}(?:[.,]([0-9]{1,2}))?$/.exec(text);
  return found && (found[1] ?? "").length <= digits ? Number(text.replace(",", ".")) : NaN;
}

// Returns what is wrong with a number; empty if all is well.
function faultOf(input) {
  if (!input.value.trim()) return input.required ? main.dataset.needed : "";
  const value = valueOf(input);
  if (!(value >= Number(input.dataset.least) && value <= Number(input.dataset.most))) return main.dataset.wrong;
  const upper = input.name === "lower" ? valueOf(fieldsOf("blood-pressure").querySelector('[name="upper"]')) : Infinity;
  return upper <= value ? main.dataset.swapped : "";
}

function isRare(input) {
  const value = valueOf(input);
  return input.value.trim() !== "" && (value < Number(input.dataset.low) || value > Number(input.dataset.high));
}

function shortened(text) {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

function nameOf(input) {
  return input.labels[0].firstChild.textContent.trim();
}

function say(text, isWarning) {
  const notice = main.querySelector("[data-said]");
  notice.hidden = text === "";
  notice.classList.toggle("warn", isWarning);
  notice.querySelector("span").textContent = text;
}

async function show() {
  const entries = await waitingOf(await owner());
  main.querySelector("[data-waiting]").hidden = entries.length === 0;
  list.replaceChildren(
    ...entries.map((entry) => {
      const line = main.querySelector("template").content.cloneNode(true);
      line.querySelector("[data-name]").textContent = entry.words;
      line.querySelector("[data-when]").textContent = `${entry.fields.day.split("-").reverse().join("-")} ${entry.fields.clock ?? ""}`;
      line.querySelector("[data-problem]").textContent = (entry.problems ?? []).join(" ");
      line.querySelector("button").addEventListener("click", async () => {
        if (!confirm(main.dataset.remove)) return;
        await remove(entry.key);
        await show();
      });
      return line;
    }),
  );
}

async function keep() {
  const kind = form.elements.kind.value;
  const inputs = [...fieldsOf(kind).querySelectorAll("input[data-least]")];
  const wrong = inputs.find((input) => faultOf(input) !== "");
  if (wrong) {
    say(`${nameOf(wrong)}: ${faultOf(wrong)}`, true);
    wrong.focus();
    return;
  }
  const text = fieldsOf(kind).querySelector("textarea");
  if (text && !text.value.trim()) {
    say(main.dataset.words, true);
    text.focus();
    return;
  }
  const rare = inputs.filter(isRare);
  if (rare.length && !confirm(`${rare.map((one) => `${nameOf(one)}: ${one.value}.`).join(" ")} ${main.dataset.sure}`)) return;
  const fields = Object.fromEntries(new FormData(form));
  delete fields.kind;
  const title = form.elements.kind.selectedOptions[0].textContent;
  const values = text ? [shortened(text.value.trim())] : inputs.map((input) => input.value.trim()).filter(Boolean);
  await put({
    key: crypto.randomUUID(),
    whose: await owner(),
    at: `${fields.day} ${fields.clock ?? ""}`,
    kind,
    words: `${title}: ${values.join("/")}`,
    fields: rare.length ? { ...fields, sure: "yes" } : fields,
  });
  form.reset();
  chooseKind();
  setNow();
  say(main.dataset.done, false);
  await show();
}

async function begin() {
  const isKnown = Boolean(await owner());
  main.querySelector("[data-unknown]").hidden = isKnown;
  form.hidden = !isKnown;
  if (!isKnown) return;
  chooseKind();
  setNow();
  form.elements.kind.addEventListener("change", chooseKind);
  let isBusy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (isBusy) return;
    isBusy = true;
    try {
      await keep();
    } finally {
      isBusy = false;
    }
  });
  await show();
}

begin();
