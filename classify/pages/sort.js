"use strict";
// Tables of class "sortable" are sorted by a click on a heading, each part of the body by itself; a second click turns
// them round. Numbers before words, by the number a cell begins with; cells without one stand last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead th")];
  const key = (row, i) => {
    const text = row.cells[i].textContent.trim();
    const number = parseFloat(text.replace(/^[^\d+\-.<]*(?=[\d<])|,(?=\d{3})|[<\s]/g, ""));
    return [isNaN(number) ? null : number, text];
  };
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const turned = head.getAttribute("aria-sort") === "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", turned ? "ascending" : "descending");
      const sign = turned ? 1 : -1;
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => row.cells.length === heads.length && !row.classList.contains("fixed"));
        const last = [...body.rows].filter((row) => !rows.includes(row));
        const lead = last.filter((row) => row.rowIndex < Math.min(...rows.map((one) => one.rowIndex)));
        rows.map((row) => [key(row, i), row]).sort(([a], [b]) => {
          if (a[0] === null || b[0] === null) {
            return a[0] === b[0] ? -sign * a[1].localeCompare(b[1]) : (a[0] === null) - (b[0] === null);
          }
          return sign * (a[0] - b[0]);
        }).forEach(([, row]) => body.append(row));
        lead.reverse().forEach((row) => body.prepend(row));
        last.filter((row) => !lead.includes(row)).forEach((row) => body.append(row));
      }
    });
  });
}
