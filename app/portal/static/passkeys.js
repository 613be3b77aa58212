// Passkeys: a button that asks the device for one and sends the answer with its form.
// Its parts of a page are there from the start, so that nothing moves, but not without scripts; they go where a browser can't do it.

const isPossible = typeof PublicKeyCredential === "function" && "parseRequestOptionsFromJSON" in PublicKeyCredential;

function say(form, text) {
  const place = form.querySelector("[data-passkey-problem]");
  place.querySelector("span").textContent = text;
  place.hidden = text === "";
}

async function credentialFor(button, options) {
  if (button.dataset.passkey === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return navigator.credentials.create({ publicKey });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

async function use(button) {
  const form = button.form;
  const needed = [...form.querySelectorAll("[data-for-passkey]")];
  if (!needed.every((field) => field.reportValidity())) return;
  say(form, "");
  const asked = new FormData(form);
  asked.delete("password");
  asked.delete("again");
  try {
    const answer = await fetch(button.dataset.options, { method: "POST", body: new URLSearchParams(asked) });
    const options = await answer.json();
    if (!answer.ok) {
      say(form, options.problem);
      return;
    }
    form.elements.credential.value = JSON.stringify((await credentialFor(button, options)).toJSON());
  } catch {
    say(form, button.dataset.failed); // the person stopped, the device has none, or the server did not answer
    return;
  }
  form.action = button.dataset.action;
  form.submit();
}

for (const part of document.querySelectorAll("[data-needs-passkeys]")) part.hidden = !isPossible;
if (isPossible) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.addEventListener("click", async () => {
      button.disabled = true;
      await use(button);
      button.disabled = false;
    });
  }
}
