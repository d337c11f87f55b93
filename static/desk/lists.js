/* Lists: selecting rows, also by keyboard, and keeping the selection while the list updates itself.
   Without it rows are ticked by hand, and everything else works the same. */
(() => {
  "use strict";

  const root = document.documentElement;
  const form = document.getElementById("bulk");
  const selected = new Set();

  const boxes = () => [...document.querySelectorAll('input[name="row"][form="bulk"][type="checkbox"]')];

  /* --- Selecting ------------------------------------------------------------------------------ */

  /* A selected row that has left the page goes with the form all the same. */
  const carry = () => {
    for (const kept of form.querySelectorAll("input[data-carried]")) kept.remove();
    const here = new Set(boxes().map((box) => box.value));
    for (const value of selected) {
      if (here.has(value)) continue;
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: "row", value });
      input.dataset.carried = "yes";
      form.append(input);
    }
  };

  const tell = () => {
    const all = document.querySelector("[data-pick-all]");
    const here = boxes();
    const ticked = here.filter((box) => box.checked).length;
    if (all) {
      all.hidden = false;
      all.checked = ticked > 0 && ticked === here.length;
      all.indeterminate = ticked > 0 && ticked < here.length;
    }
    const count = form.querySelector("[data-bulk-count]");
    const away = selected.size - ticked;
    const text = selected.size ? `${selected.size} selected${away > 0 ? `, ${away} no longer shown` : ""}` : "";
    if (count.textContent !== text) count.textContent = text;
    form.classList.toggle("has-selection", selected.size > 0);
    carry();
  };

  const note = (box) => {
    if (box.checked) selected.add(box.value);
    else selected.delete(box.value);
    box.closest("tr").classList.toggle("is-picked", box.checked);
  };

  const restore = () => {
    for (const box of boxes()) {
      box.checked = selected.has(box.value);
      box.closest("tr").classList.toggle("is-picked", box.checked);
    }
    tell();
  };

  let last = null;

  if (form) {
    document.addEventListener("click", (event) => {
      const box = event.target;
      if (!box.matches || !box.matches('input[name="row"][form="bulk"]')) return;
      const here = boxes();
      if (event.shiftKey && last && here.includes(last)) {
        const [from, to] = [here.indexOf(last), here.indexOf(box)].sort((a, b) => a - b);
        for (const between of here.slice(from, to + 1)) {
          between.checked = box.checked;
          note(between);
        }
      }
      last = box;
    });

    document.addEventListener("change", (event) => {
      if (event.target.matches("[data-pick-all]")) {
        for (const box of boxes()) {
          box.checked = event.target.checked;
          note(box);
        }
        tell();
      } else if (event.target.matches('input[name="row"][form="bulk"]')) {
        note(event.target);
        tell();
      }
    });

    document.addEventListener("keydown", (event) => {
      if (event.key !== "x" || root.dataset.shortcuts === "off" || event.defaultPrevented) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.matches('select, textarea, input:not([type="checkbox"])')) return;
      const row = event.target.closest("[data-row]");
      const box = row && row.querySelector('input[name="row"][form="bulk"]');
      if (!box) return;
      event.preventDefault();
      box.checked = !box.checked;
      note(box);
      tell();
    });

    document.addEventListener("htmx:afterSwap", restore);
    /* The browser may have kept ticks over "back". */
    window.addEventListener("pageshow", () => {
      for (const box of boxes()) note(box);
      tell();
    });
    for (const box of boxes()) note(box);
    tell();
  }

  /* --- Boxes that open: one at a time, closed by Escape and by a click elsewhere --------------- */

  const opened = () => document.querySelectorAll("details.tool[open], details.multi[open]");

  document.addEventListener("click", (event) => {
    for (const box of opened()) if (!box.contains(event.target)) box.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const box of opened()) {
      const hadFocus = box.contains(document.activeElement);
      box.open = false;
      if (hadFocus) box.querySelector("summary").focus();
    }
  });
})();
