/* Returns Desk: keyboard, live updates, and buttons that work once. Every page works without. */
(() => {
  "use strict";

  const TICK_MS = 5000;
  const root = document.documentElement;
  const $ = (selector, from = document) => from.querySelector(selector);

  /* --- Live updates: only while somebody looks, and never under their hands ------------------ */

  const isEdited = (field) => {
    if (!field.matches("select")) return field.type !== "hidden" && field.value !== field.defaultValue;
    const given = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(given, 0);
  };

  const isInUse = (region) => {
    if ([...region.querySelectorAll("input, select, textarea")].some(isEdited)) return true;
    const selection = document.getSelection();
    const selects = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
    const field = document.activeElement;
    const types = field && region.contains(field) && field.matches("input, select, textarea");
    const opened = $("details[open]", region) || $("dialog[open]") || $(":popover-open");
    return selects || types || opened;
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

  /* Who walks through links with the keyboard stays on the one they had. */
  let heldLink = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const link = document.activeElement && document.activeElement.closest("#live a[href]");
    heldLink = event.target.id === "live" && link ? link.getAttribute("href") : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!heldLink || document.activeElement !== document.body) return;
    const same = [...document.querySelectorAll("#live a[href]")];
    const link = same.find((other) => other.getAttribute("href") === heldLink);
    if (link) link.focus({ preventScroll: true });
    heldLink = null;
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

  /* An element with data-key="r" is pressed by r; a field gets the focus. What cannot be pressed
     at the moment, or is not to be seen, is left alone. */
  const isShown = (element) => element.getClientRects().length > 0;
  const keyed = () => [...document.querySelectorAll("[data-key]")].filter(isShown);

  const press = (key) => {
    const element = keyed().find((other) => other.dataset.key === key);
    if (!element) return false;
    element.focus();
    if (!isTyping(element)) element.click();
    return true;
  };

  const nameOf = (element) =>
    element.dataset.keyLabel || element.getAttribute("aria-label") ||
    (element.labels && element.labels[0] ? element.labels[0] : element).textContent.trim();

  /* The sheet tells of the keys that the page at hand has, too. */
  const listKeys = (sheet) => {
    const here = $("[data-keys-here]", sheet);
    const rows = new Map(keyed().map((element) => [element.dataset.key, nameOf(element)]));
    here.hidden = !rows.size;
    $("dl", here).replaceChildren(...[...rows].map(([key, name]) => {
      const [row, term, cap, text] = ["div", "dt", "kbd", "dd"].map((tag) => document.createElement(tag));
      cap.textContent = key;
      text.textContent = name;
      term.append(cap);
      row.append(term, text);
      return row;
    }));
  };

  const showKeys = () => {
    const sheet = $("#keys");
    if (sheet && !sheet.open) {
      listKeys(sheet);
      sheet.showModal();
    }
    return Boolean(sheet);
  };

  /* `g` and then a letter goes to a page of the menu. */
  const GO_MS = 1500;
  let goUntil = 0;

  const go = (key) => {
    const link = $(`#menu [data-go="${CSS.escape(key)}"]`);
    if (link) location.assign(link.href);
    return Boolean(link);
  };

  const actions = {
    g: () => { goUntil = Date.now() + GO_MS; },
    "/": () => { const box = $("#q"); if (box) { box.focus(); box.select(); } },
    j: () => moveRow(1),
    k: () => moveRow(-1),
    "?": showKeys,
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.closest(".find")) return event.target.blur();
    if (root.dataset.shortcuts === "off" || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if ($("dialog[open]")) return;
    const goes = Date.now() < goUntil;
    goUntil = 0;
    if ((goes && go(event.key)) || press(event.key)) return event.preventDefault();
    if (!Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });

  /* From the search box down into what was searched for last, and back. */
  document.addEventListener("keydown", (event) => {
    const find = event.target.closest(".find");
    if (!find || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const stops = [$("#q", find), ...find.querySelectorAll("#recent a")];
    const at = stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
    if (!stops[at] || stops.length === 1) return;
    event.preventDefault();
    stops[at].focus();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-keys]");
    if (link && !event.ctrlKey && !event.metaKey && showKeys()) event.preventDefault();
  });

  /* --- What is cut off can be scrolled with the keyboard --------------------------------------- */

  const SCROLLED = ".scroll, .raw-message pre, .card pre";

  const makeScrollable = () => {
    for (const box of document.querySelectorAll(SCROLLED)) {
      const isCut = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
      const section = box.closest("section[aria-labelledby]");
      if (isCut === box.hasAttribute("tabindex")) continue;
      if (isCut) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
      if (section) {
        box.setAttribute("role", "group");
        box.setAttribute("aria-labelledby", section.getAttribute("aria-labelledby"));
      }
    }
  };
  makeScrollable();
  addEventListener("resize", makeScrollable);
  document.addEventListener("htmx:afterSettle", makeScrollable);

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
