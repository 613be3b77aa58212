// Questionnaires: a long list of answers can be searched. Without this file the whole list is there.

const bare = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function search(holder) {
  const field = holder.querySelector("input"), told = holder.querySelector("[role=status]");
  const list = holder.nextElementSibling;
  const every = [...list.children].map((option) => ({ option, text: bare(option.textContent), box: option.querySelector("input") }));
  const isKept = ({ option, box }) => (box ? box.checked || ["", "other"].includes(box.value) : ["", list.value].includes(option.value));
  field.addEventListener("input", () => {
    const parts = bare(field.value).split(/\s+/).filter(Boolean);
    const fits = new Set(every.filter(({ text }) => parts.every((part) => text.includes(part))));
    const chosen = list.value; // a select chooses another one while its options are changed
    list.replaceChildren(...every.filter((one) => fits.has(one) || isKept(one)).map(({ option }) => option));
    if (list.matches("select")) list.value = chosen;
    told.textContent = parts.length ? `${told.dataset.count} ${fits.size}` : "";
  });
  // Enter in a search does not send the form.
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
}

for (const part of [document, ...[...document.querySelectorAll("template")].map((template) => template.content)]) {
  for (const holder of part.querySelectorAll("[data-find]")) search(holder);
}
