/* Returns Desk: keyboard, live updates, and buttons that work once. Every page works without. */
(() => {
  "use strict";

  const TICK_MS = 5000;
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);

  /* --- Live updates: only while somebody looks, and never under their hands ------------------ */

  const isInUse = (region) => {
    const selection = document.getSelection();
    const selects = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
    const field = document.activeElement;
    const types = field && region.contains(field) && field.matches("input, select, textarea");
    return selects || types || $("details[open]", region) || $("dialog[open]");
  };

  setInterval(() => {
    const region = $("#live[hx-get]");
    if (!region || document.hidden || isInUse(region)) return;
    region.dispatchEvent(new CustomEvent("tick"));
  }, TICK_MS);

  const tellLive = (isBroken) => {
    const note = $("[data-live-note]");
    if (note) note.hidden = !isBroken;
  };
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(name, () => tellLive(true));
  }
  document.addEventListener("htmx:afterOnLoad", () => tellLive(false));

  /* Somebody can begin to read or type while an answer is on its way. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id === "live" && isInUse(event.target)) event.detail.shouldSwap = false;
  });

  /* --- Keyboard ------------------------------------------------------------------------------ */

  const isTyping = (target) => target.isContentEditable || target.matches("input, select, textarea");

  const rowLinks = () =>
    [...document.querySelectorAll("[data-row]")].map((row) => $("a[href]", row)).filter(Boolean);

  const moveRow = (by) => {
    const links = rowLinks();
    if (!links.length) return;
    const row = document.activeElement && document.activeElement.closest("[data-row]");
    const at = row ? links.indexOf($("a[href]", row)) : -1;
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
    const link = links[Math.max(0, Math.min(links.length - 1, next))];
    link.focus({ preventScroll: true });
    link.closest("[data-row]").scrollIntoView({ block: "nearest" });
  };

  const showKeys = () => {
    const sheet = $("#keys");
    if (sheet && !sheet.open) sheet.showModal();
    return Boolean(sheet);
  };

  const actions = {
    "/": () => { const box = $("#q"); if (box) { box.focus(); box.select(); } },
    j: () => moveRow(1),
    k: () => moveRow(-1),
    "?": showKeys,
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.id === "q") return event.target.blur();
    if (root.dataset.shortcuts === "off" || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if ($("dialog[open]") || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-keys]");
    if (link && !event.ctrlKey && !event.metaKey && showKeys()) event.preventDefault();
  });

  /* --- A preview is of the values it was made with -------------------------------------------- */

  /* The server refuses to save values that were not shown; this says so before. */
  const outdate = (event) => {
    const form = event.target.closest("#policy-form");
    const save = form && $("[data-shown-only]", form);
    if (!save || event.target.name === "note" || event.target.closest("#preview")) return;
    save.disabled = true;
    $("#preview", form).classList.add("is-stale");
    $("#stale-note", form).hidden = false;
    $("[data-preview]", form).classList.add("primary");
  };
  for (const name of ["input", "change"]) document.addEventListener(name, outdate);

  /* --- A second click does nothing ----------------------------------------------------------- */

  document.addEventListener("submit", (event) => {
    const button = $("[data-once]", event.target);
    if (!button) return;
    if (event.target.dataset.sent) return event.preventDefault();
    event.target.dataset.sent = "yes";
    button.setAttribute("aria-disabled", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
