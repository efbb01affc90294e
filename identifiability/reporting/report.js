"use strict";
// Tables sort by a click on a heading and filter by a word; without this script they are tables.
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?/i;
const key = (cell) => {
  const text = cell.textContent.trim();
  const found = NUMBER.exec(text);
  return { text, missing: text === "" || text.startsWith("–"), value: found ? Number(found[0]) : NaN };
};
const compare = (a, b) => {
  if (a.missing !== b.missing) return a.missing ? 1 : -1;
  const numbers = !Number.isNaN(a.value) && !Number.isNaN(b.value);
  return numbers && a.value !== b.value ? a.value - b.value : a.text.localeCompare(b.text, "en", { numeric: true });
};

function sort(table, column, heading) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: key(row.cells[column]) }));
  rows.sort((a, b) => {
    // What is missing stays last either way.
    const missing = a.key.missing !== b.key.missing;
    return descending && !missing ? compare(b.key, a.key) : compare(a.key, b.key);
  });
  body.append(...rows.map(({ row }) => row));
}

function addFilter(table) {
  const words = table.dataset.name;
  const box = document.createElement("p");
  box.className = "filter";
  const label = document.createElement("label");
  const input = document.createElement("input");
  const count = document.createElement("span");
  input.type = "search";
  input.placeholder = "any words";
  count.setAttribute("role", "status");
  label.append(`Filter ${words}: `, input);
  box.append(label, " ", count);
  table.closest(".scroll").before(box);
  // A row may stand for something folded below the table, which is searched and hidden with it.
  const rows = [...table.tBodies[0].rows].map((row) => {
    const more = document.getElementById(row.dataset.more);
    return { row, more, text: `${row.textContent} ${more ? more.textContent : ""}`.toLowerCase() };
  });
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, more, text } of rows) {
      row.hidden = !wanted.every((word) => text.includes(word));
      if (more) more.hidden = row.hidden;
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = wanted.length ? `${shown} of ${rows.length}` : "";
  });
}

for (const table of document.querySelectorAll("table.data")) {
  if (table.tBodies[0].rows.length < 2) continue;
  for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, column, heading));
  }
  if (table.tBodies[0].rows.length > 5) addFilter(table);
}

// A link to something folded opens it; paper shows everything, and the screen afterwards what it did.
const unfold = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && target.closest("details");
  if (folded) { folded.hidden = false; folded.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", unfold);
unfold();
let printed = [];
addEventListener("beforeprint", () => {
  printed = [...document.querySelectorAll("details:not([open])")];
  for (const one of printed) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of printed) one.open = false;
});
