"use strict";
(() => {
  const make = (name, look, text) => {
    const found = document.createElement(name);
    if (look) found.className = look;
    if (text) found.textContent = text;
    return found;
  };
  const number = (text) => {
    const found = text.replace(/[\u202f\u00a0 ](?=\d{3})/g, "").replace(/\u2212/g, "-").match(/^[<>]?\s*(-?\d+(?:\.\d+)?(?:e-?\d+)?)/);
    return found ? Number(found[1]) : null;
  };
  const compare = (a, b, sign) => {
    const [x, y] = [number(a), number(b)];
    if (x !== null && y !== null) return sign * (x - y);
    if (x !== null || y !== null) return x === null ? 1 : -1;
    if (!a || !b || a === "\u2013" || b === "\u2013") return (a && a !== "\u2013" ? 0 : 1) - (b && b !== "\u2013" ? 0 : 1);
    return sign * a.localeCompare(b, undefined, {numeric: true});
  };
  const sortable = (table, body) => {
    const heads = [...table.tHead.rows[0].cells];
    const order = [...body.rows];
    heads.forEach((head, at) => {
      const title = head.textContent.trim();
      if (!title || head.querySelector("svg")) return;
      const button = make("button", "sort", title);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const was = head.getAttribute("aria-sort");
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (was === "descending") return body.append(...order);
        const sign = was === "ascending" ? -1 : 1;
        head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
        const text = (row) => row.cells[at].textContent.trim();
        body.append(...[...order].sort((a, b) => compare(text(a), text(b), sign)));
      });
    });
  };
  const filtered = (table, body) => {
    const label = make("label", "filter", "Filter ");
    const field = make("input");
    const said = make("output");
    field.type = "search";
    label.append(field, said);
    table.parentNode.before(label);
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = [...body.rows];
      rows.forEach((row) => {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      });
      said.textContent = words.length ? ` ${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
    });
  };
  document.querySelectorAll("main table:not(.heat)").forEach((table) => {
    const body = table.tBodies[0];
    if (!body || !table.tHead || body.rows.length < 3) return;
    sortable(table, body);
    if (body.rows.length > 7) filtered(table, body);
  });
  const chosen = document.getElementById("metrics");
  if (chosen) {
    const label = make("label", "filter", "Show ");
    const select = make("select");
    const every = [];
    for (let next = chosen.nextElementSibling; next && next.tagName !== "H2"; next = next.nextElementSibling) {
      if (next.tagName === "DETAILS") every.push(next);
    }
    ["one metric …", ...every.map((each) => each.querySelector("summary").textContent)].forEach((name, at) => {
      const option = make("option", "", name);
      option.value = String(at - 1);
      select.append(option);
    });
    label.append(select);
    chosen.after(label);
    select.addEventListener("change", () => {
      const at = Number(select.value);
      every.forEach((each, i) => {
        each.hidden = at >= 0 && i !== at;
        each.open = i === at;
      });
    });
  }
  const tip = make("div", "tip");
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  let pinned = null;
  const tell = (point) => {
    tip.textContent = point ? point.querySelector("title").textContent : "";
    tip.hidden = !point;
  };
  const pin = (point) => {
    if (pinned) pinned.classList.remove("pinned");
    pinned = point === pinned ? null : point;
    if (pinned) pinned.classList.add("pinned");
    tell(pinned);
  };
  document.querySelectorAll("svg .point").forEach((point) => {
    point.addEventListener("pointerenter", () => tell(point));
    point.addEventListener("pointerleave", () => tell(pinned));
    point.addEventListener("click", () => pin(point));
  });
  document.addEventListener("keydown", (key) => {
    if (key.key === "Escape" && pinned) pin(pinned);
  });
})();
