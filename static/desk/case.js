/* Order and return pages: a button that prints, and names to pick while a note is written. Without
   scripts the browser's own menu prints, and names are typed. */
(() => {
  "use strict";

  const MOST_NAMES = 8;
  const BEGUN = /(^|[^\w@.])@([\w.+@-]*)$/;

  const showPrint = () => {
    for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;
  };
  showPrint();
  document.addEventListener("htmx:afterSettle", showPrint);

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  /* --- @names --------------------------------------------------------------------------------- */

  const names = (form) => form.querySelector("[data-mention-names]");

  /* The piece of a name that stands before the cursor, or null where none is begun. */
  const begun = (field) => {
    const found = BEGUN.exec(field.value.slice(0, field.selectionStart));
    return found ? found[2].toLowerCase() : null;
  };

  const suggest = (field) => {
    const list = names(field.form);
    if (!list) return;
    const piece = begun(field);
    let shown = 0;
    for (const button of list.querySelectorAll("[data-mention]")) {
      const fits = piece !== null && button.dataset.mention.toLowerCase().startsWith(piece);
      button.hidden = !fits || shown >= MOST_NAMES;
      if (!button.hidden) shown += 1;
    }
    list.hidden = shown === 0;
  };

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-mentions]")) suggest(event.target);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-mention]");
    if (!button) return;
    const field = button.form.querySelector("[data-mentions]");
    const end = field.selectionStart;
    const start = end - begun(field).length;
    field.setRangeText(`${button.dataset.mention} `, start, end, "end");
    field.focus();
    names(button.form).hidden = true;
  });
})();
