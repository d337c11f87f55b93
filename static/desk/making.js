/* Returns Desk, issuing a refund: amounts follow the units that are chosen, until somebody writes one. */
(() => {
  "use strict";

  const dues = (field) => (field.dataset.dues || "").split(" ").filter(Boolean);

  /* How many units of a line: the amount beside it is what is due for them. */
  const fill = (quantity) => {
    const amount = document.getElementById(quantity.id.replace("id_quantity_", "id_amount_"));
    const known = dues(quantity);
    if (!amount || !known.length) return;
    if (amount.value.trim() && !known.includes(amount.value.trim())) return;
    amount.value = known[Number(quantity.value) - 1] || "";
  };

  /* Who writes an amount for a unit wants that unit. */
  const choose = (amount) => {
    const unit = document.getElementById(amount.id.replace("id_unit_amount_", "id_unit_"));
    if (unit && !unit.checked) unit.checked = true;
  };

  document.addEventListener("input", (event) => {
    const { id } = event.target;
    if (id.startsWith("id_quantity_")) fill(event.target);
    if (id.startsWith("id_unit_amount_")) choose(event.target);
  }, true);
})();
