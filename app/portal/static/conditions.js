// Questionnaires: what is asked because of an answer comes and goes at once, by the rule of questions.py on the server.
// What is not asked stands in no form, so that its answer is not sent. Without this file the form comes back with more questions.

const ROUNDS = 20;
const NUMBER = /^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?$/;
const TYPED = /^-?[0-9]{1,9}([.,][0-9]{1,6})?$/;
const LINE = /\r\n|[\n\r]/;
const YEARS = ["1800", "2300"];
const SPACE = /[ \t\n\r\f\v\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

const USUAL = { inside: "", when: [], all: false, chosen: false, repeats: false, lines: false, fixed: false, empty: false, low: [], high: [], least: 0 };

/** A day, month or year as FHIR writes it, by the rule of answering.py; null for what is none, such as month 13. */
function day(text) {
  const [, first, second, year] = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$/.exec(text) ?? /^()(\d{1,2})-(\d{4})$/.exec(text) ?? [];
  const parts = year ? [year, second, first].filter(Boolean) : text.split("-");
  const written = parts.length === 3 && !year ? text : parts.map((part) => part.padStart(2, "0")).join("-");
  if (!/^\d{4}(-\d{2}){0,2}$/.test(written) || written < YEARS[0] || written >= YEARS[1]) return null;
  const at = new Date(`${written}${"-01-01".slice(written.length - 4)}T00:00Z`);  // 30 February: none, or in March
  return !isNaN(at) && at.toISOString().startsWith(written) ? written : null;
}

const words = (text) => text.split(SPACE).filter(Boolean).join(" ");

function byNumber(one, two) {
  const digits = (one.split(".")[1] ?? "").length, others = (two.split(".")[1] ?? "").length;
  const whole = (text, places) => BigInt(text.replace(/^\+/, "").replace(".", "") + "0".repeat(Math.max(digits, others) - places));
  const first = whole(one, digits), second = whole(two, others);
  return (first > second) - (first < second);
}

function sign(one, two) {
  if (NUMBER.test(one) && NUMBER.test(two)) return byNumber(one, two);
  const first = [...one].map((sign) => sign.codePointAt(0)), second = [...two].map((sign) => sign.codePointAt(0));
  const place = first.findIndex((sign, at) => sign !== second[at]);
  if (place < 0) return first.length === second.length ? 0 : -1;
  return place >= second.length || first[place] > second[place] ? 1 : -1;
}

class Asked {
  constructor(holder) {
    this.rule = { ...USUAL, ...JSON.parse(holder.dataset.asked) };
    this.anchor = document.createComment("");
    holder.before(this.anchor);
    this.parts = holder.matches("template") ? [...holder.content.childNodes] : [holder];
    this.isOpen = !holder.matches("template");
    if (!this.isOpen) holder.remove();
  }

  show(isOpen) {
    if (isOpen === this.isOpen) return false;
    this.isOpen = isOpen;
    if (isOpen) this.anchor.after(...this.parts);
    else for (const part of this.parts) part.remove();
    return isOpen;
  }

  texts(suffix = "") {
    const wanted = `a-${this.rule.name}${suffix}`;
    const every = this.parts.flatMap((part) => (part.querySelectorAll ? [...part.querySelectorAll("input, select, textarea")] : []));
    return every.filter((one) => one.name === wanted && (!["radio", "checkbox"].includes(one.type) || one.checked)).map((one) => one.value);
  }

  within(text) {
    const { low, high, kind } = this.rule;
    const against = (end) => (kind.startsWith("date") ? sign(text.slice(0, end.length), end.slice(0, text.length)) : sign(text, end));
    return low.every((end) => against(end) >= 0) && high.every((end) => against(end) <= 0);
  }

  chosen(texts) {
    const found = [...new Set(texts.filter((text) => text !== "other"))].map((place) => ({ place }));
    const written = this.rule.kind === "open-choice" ? this.texts("-other").join("\n") : "";
    const own = (this.rule.repeats ? written.split(LINE) : [written]).map(words).filter(Boolean);
    if (own.length) {
      if (!own.every((text) => this.fits(text))) return [];
      found.push(...own.map((text) => ({ text })));
    } else if (texts.includes("other")) return [];
    return found.length > 1 && !this.rule.repeats ? [] : found;
  }

  fits(text) {
    const { least, most } = this.rule, length = [...text].length;
    return length >= least && length <= most;
  }

  one(raw) {
    const { kind } = this.rule, text = raw.trim();
    if (kind === "string" || kind === "text") {
      const plain = kind === "text" ? text.replaceAll("\r\n", "\n") : words(text);
      return this.fits(plain) ? plain : null;
    }
    if (kind === "integer" || kind === "decimal" || kind === "quantity") {
      if (!TYPED.test(text)) return null;
      const number = text.replace(",", ".");
      if (kind === "integer" && byNumber(number, number.split(".")[0])) return null;
      return this.within(number) ? number : null;
    }
    if (kind === "time") return text.length === 5 ? `${text}:00` : text;
    if (kind === "date" || kind === "dateTime") {
      const written = day(text);
      return written && this.within(written) ? written : null;
    }
    if (kind === "url") return /^https?:\/\/[^\s<>"]{1,1900}$/.test(text) ? text : null;
    return text;
  }

  /** The answers that count: places of options, or texts; a text that is no answer makes all of them none. */
  values() {
    const { kind, chosen, repeats, lines } = this.rule;
    if (this.rule.fixed) return [{}];
    if (this.rule.empty) return [];
    const texts = this.texts().filter((text) => text.trim());
    if (chosen) {
      const found = this.chosen(texts);
      return found.length > 50 ? [] : found;
    }
    const every = lines ? texts.flatMap((text) => text.split(LINE)).filter((line) => line.trim()) : texts.slice(0, repeats ? undefined : 1);
    if (every.length > 50) return [];
    if (kind === "boolean") return every.map((place) => ({ place }));
    const found = every.map((line) => this.one(line));
    return found.includes(null) ? [] : found.map((text) => ({ text }));
  }
}

/** Whether a condition is met; null where only the server can tell. */
function isMet(condition, values) {
  if (!values.length) return condition.none;
  if ("some" in condition) return condition.some;
  if (condition.later) return null;
  const { signs } = condition;
  const hits = values.map((one) => {
    if ("place" in one) return condition.in.includes(one.place);
    return typeof condition.than === "string" && signs.includes(sign(one.text, condition.than));
  });
  return condition.not ? !hits.includes(true) : hits.includes(true);
}

function isEnabled(one, values) {
  const met = one.rule.when.map((condition) => isMet(condition, values.get(condition.on) ?? []));
  if (!met.length) return true;
  const decisive = !one.rule.all;
  if (met.includes(decisive)) return decisive;
  return met.includes(null) ? one.isOpen : !decisive;
}

/** The names of what is asked, in the same rounds as on the server. */
function askedNow(every) {
  const values = new Map(), byName = new Map(every.map((one) => [one.rule.name, one]));
  for (const one of every) values.set(one.rule.name, one.values());
  let now = new Set();
  for (let round = 0; round < ROUNDS; round++) {
    const counting = new Map([...values].filter(([name]) => now.has(name)));
    const then = new Set();
    for (const one of every) {
      const around = byName.get(one.rule.inside);
      const isReached = !around || (then.has(around.rule.name) && (one.rule.kind === "display" || around.rule.kind === "group" || values.get(around.rule.name).length > 0));
      if (isReached && isEnabled(one, counting)) then.add(one.rule.name);
    }
    const isSame = then.size === now.size && [...then].every((name) => now.has(name));
    now = then;
    if (isSame) break;
  }
  return now;
}

for (const form of document.querySelectorAll("form[data-asking]")) {
  const every = [...form.querySelectorAll("[data-asked]")].map((holder) => new Asked(holder));
  const beside = [...form.querySelectorAll("[data-beside]")].map((holder) => {
    holder.dataset.asked = JSON.stringify({ name: holder.dataset.beside });
    return new Asked(holder);
  });
  const told = document.createElement("p");
  told.className = "unseen";
  told.setAttribute("role", "status");
  form.after(told);
  const decide = () => {
    const now = askedNow(every);
    let isMore = false;
    for (const one of every) isMore = one.show(now.has(one.rule.name)) || isMore;
    for (const one of beside) one.show(now.has(one.rule.name));
    if (isMore) told.textContent = form.dataset.asking;
    return isMore;
  };
  for (const one of form.querySelectorAll("[data-without-program]")) one.remove();
  form.addEventListener("input", () => { told.textContent = ""; decide(); });
  form.addEventListener("change", decide);
  addEventListener("pageshow", decide);
  decide();
}
