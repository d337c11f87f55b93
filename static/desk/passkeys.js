/* Passkeys: asks the browser for one, and sends its answer with the form it stands in.
   A form with data-passkey="get" or "create" has its options in data-passkey-options, or fetches
   them from data-passkey-from. Where passkeys cannot work, such forms stay as they are without. */
(() => {
  "use strict";

  const isPossible =
    window.isSecureContext && "PublicKeyCredential" in window && !/^[\d.]+$|^\[/.test(location.hostname);
  if (!isPossible) return;

  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0));
  };
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const credentials = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const ask = async (kind, given) => {
    const options = { ...given, challenge: bytes(given.challenge) };
    if (kind === "create") {
      options.user = { ...given.user, id: bytes(given.user.id) };
      options.excludeCredentials = credentials(given.excludeCredentials);
      return navigator.credentials.create({ publicKey: options });
    }
    options.allowCredentials = credentials(given.allowCredentials);
    return navigator.credentials.get({ publicKey: options });
  };

  const answerOf = (kind, credential) => {
    const said = credential.response;
    const response = { clientDataJSON: text(said.clientDataJSON) };
    if (kind === "create") {
      response.attestationObject = text(said.attestationObject);
      response.transports = said.getTransports ? said.getTransports() : [];
    } else {
      response.authenticatorData = text(said.authenticatorData);
      response.signature = text(said.signature);
      response.userHandle = said.userHandle ? text(said.userHandle) : null;
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment || undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    };
  };

  const optionsOf = async (form) => {
    if (form.dataset.passkeyOptions) return JSON.parse(form.dataset.passkeyOptions).publicKey;
    const answer = await fetch(form.dataset.passkeyFrom, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("no options");
    return (await answer.json()).publicKey;
  };

  const run = async (form) => {
    const problem = form.querySelector("[data-passkey-problem]");
    const field = form.elements[form.dataset.passkeyField || "credential"];
    const kind = form.dataset.passkey;
    problem.hidden = true;
    try {
      const credential = await ask(kind, await optionsOf(form));
      field.value = JSON.stringify(answerOf(kind, credential));
      form.submit();
    } catch {
      problem.textContent =
        kind === "create"
          ? "No passkey was made: it was canceled, took too long, or this device has one for you already. Try again."
          : "No passkey was used: it was canceled, took too long, or this device has none for you. Try again, or use another way.";
      problem.hidden = false;
    }
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    const start = form.querySelector("[data-passkey-start]");
    if (start) {
      start.hidden = false;
      start.addEventListener("click", () => run(form));
      continue;
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run(form);
    });
  }
  for (const note of document.querySelectorAll("[data-passkey-missing]")) note.hidden = true;
})();
