// Tables of class "sortable": a button in each heading sorts by it, a second click the other way round.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const valueOf = (row, column) => {
    const text = (row.cells[column]?.firstChild?.textContent ?? "").trim();
    const number = parseFloat(text.replace("−", "-").replace(/^[<≤]\s*/, ""));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = "↕";
    button.setAttribute("aria-label", `sort by ${head.textContent.trim()}`);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending" && column > 0
        || column === 0 && head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => {
        other.removeAttribute("aria-sort");
        other.querySelector(".sort").textContent = "↕";
      });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      button.textContent = down ? "▼" : "▲";
      for (const body of table.tBodies) {
        const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, column) }));
        rows.sort((a, b) => (a.value === "–") - (b.value === "–") || (down ? -1 : 1) * compare(a.value, b.value));
        body.append(...rows.map(({ row }) => row));
      }
    });
  });
}

// Terms: a tooltip on hover, on focus, and on the first touch; a second touch or Enter goes to the glossary.
const tip = document.createElement("div");
tip.className = "tip";
tip.id = "tip";
tip.setAttribute("role", "tooltip");
tip.hidden = true;
document.body.append(tip);
let shown = null;
const hide = () => {
  tip.hidden = true;
  shown?.removeAttribute("aria-describedby");
  shown = null;
};
const show = (link) => {
  if (shown === link) return;
  hide();
  shown = link;
  tip.textContent = link.dataset.meaning;
  tip.hidden = false;
  link.setAttribute("aria-describedby", "tip");
  const box = link.getBoundingClientRect();
  const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
  const above = box.bottom + tip.offsetHeight + 12 > window.innerHeight;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${above ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
};
for (const link of document.querySelectorAll("a.term")) {
  link.dataset.meaning = link.title;
  link.removeAttribute("title");
  let touched = false;
  link.addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch" && shown !== link; });
  link.addEventListener("click", (event) => {
    if (touched) event.preventDefault();
    touched = false;
  });
  link.addEventListener("pointerenter", () => show(link));
  link.addEventListener("focus", () => show(link));
  link.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
  link.addEventListener("blur", hide);
}
addEventListener("scroll", hide, { capture: true, passive: true });
addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

// Pictures: a click or Enter enlarges one; "the other one" changes between the original and its copy in place.
const make = (tag, parent, text = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
};
const dialog = make("dialog", document.body);
const [large, caption, buttons] = [make("img", dialog), make("p", dialog), make("p", dialog)];
const [other, close] = [make("button", buttons, "the other one"), make("button", buttons, "close")];
dialog.setAttribute("aria-label", "enlarged picture");
let pictures = [];
const enlarge = (picture) => {
  large.src = picture.src;
  large.alt = caption.textContent = picture.alt;
};
for (const button of document.querySelectorAll(".zoom")) {
  button.addEventListener("click", () => {
    pictures = [...button.parentElement.querySelectorAll("img")];
    other.hidden = pictures.length < 2;
    enlarge(button.querySelector("img"));
    dialog.showModal();
  });
}
other.addEventListener("click", () => enlarge(pictures.find((picture) => picture.src !== large.src) ?? pictures[0]));
close.addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// A table that is wider than the page scrolls with the keyboard, too.
for (const box of document.querySelectorAll(".wide, .picture")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
