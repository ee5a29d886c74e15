"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const controls = document.getElementById("controls");
  const said = document.getElementById("said");
  const cost = document.getElementById("cost");
  const dialog = document.getElementById("provenance");
  const field = Object.fromEntries(data.fields.flatMap((names, record) =>
    names.map((name, place) => [name, [record, place]])));
  const shared = data.records.length;
  const fact = (row, name) => {
    const [record, place] = field[name];
    return record < shared ? data.records[record][data.rows[row][record]][place] : data.rows[row][shared + place];
  };
  const tell = (text) => { said.textContent = text; };
  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const number = (text) => parseFloat(text.replace("\u2212", "-"));

  // A score is the button that opens its panel.
  for (const rank of document.querySelectorAll(".measured sup")) {
    const cell = rank.parentElement;
    const button = make("button", undefined, { type: "button", class: cell.className });
    cell.className = "";
    cell.prepend(button);
    button.append(button.nextSibling, rank);
  }

  // Tables, read once: what is sorted is an array, and the page is touched once.
  const sections = [...document.querySelectorAll("section[data-number]")].map((element) => {
    const table = element.querySelector("table");
    const heads = [...table.tHead.rows[0].cells];
    const keys = heads.map((head) => head.dataset.key);
    const bodies = [...table.tBodies].map((body) => {
      const lines = [...body.rows].filter((row) => !row.classList.contains("group"));
      return { body, measured: body.classList.contains("measured"), beside: body.classList.contains("baselines"), lines: lines.map((row, order) => {
        const cells = [...row.cells];
        return { row, order, of: Number(row.dataset.n), name: cells[0].firstChild.textContent.trim(), cells,
          values: cells.map((cell, place) => place ? number((cell.querySelector("button") ?? cell).firstChild.textContent) : NaN) };
      }) };
    });
    return { element, number: element.dataset.number, table, heads, keys, bodies, style: null, turn: 0,
      title: element.querySelector("h2").textContent, sorted: null,
      hidden: new Set(keys.filter((_, place) => "extra" in heads[place].dataset)) };
  });
  const ends = (cell) => cell.querySelector("p").textContent;
  const interval = (cell) => ends(cell).split(/–| to /).map(number);
  const rowOf = new Map(data.rows.map((_, row) => [`${fact(row, "name")}/${fact(row, "file")}`, row]));
  const rowsOf = (section, key, of) => data.columns[`${section.number}.${key}`][2].map((file) => rowOf.get(`${of}/${file}`));

  // Bars, from the numbers in the cells, on a scale of each column's own.
  for (const { keys, bodies } of sections) {
    const lines = bodies.filter((part) => part.measured).flatMap((part) => part.lines);
    for (let place = 2; place < keys.length; place += 1) {
      const found = lines.filter((line) => !Number.isNaN(line.values[place]))
        .map((line) => [line.cells[place], ...interval(line.cells[place]), line.values[place]]);
      const least = Math.min(...found.map(([, low]) => low));
      const width = Math.max(...found.map(([, , high]) => high)) - least || 1;
      for (const [cell, ...limits] of found) {
        const [low, high, value] = limits.map((end) => Math.round(1000 * (end - least) / width) / 10);
        cell.style.cssText = `--l:${low};--h:${high};--v:${value}`;
        cell.querySelector("b")?.setAttribute("title", "pre-training data overlaps");
      }
    }
  }
  const shown = () => sections.filter((section) => !section.element.hidden);
  const headText = (section, key) => {
    const head = section.heads[section.keys.indexOf(key)];
    return (head.querySelector("button") ?? head).textContent.replace(/\s+/g, " ").trim();
  };

  // Of a long table the rows that are seen first are moved at once, the others frame by frame: a click never waits for them.
  const AT_ONCE = 40;
  function put(section, body, rows) {
    if (rows.length <= AT_ONCE) { body.append(...rows); return; }
    const head = body.querySelector(".group");
    if (head) head.after(...rows.slice(0, AT_ONCE)); else body.prepend(...rows.slice(0, AT_ONCE));
    const turn = section.turn;
    const go = (done) => requestAnimationFrame(() => {
      if (turn !== section.turn) return;
      rows[done - 1].after(...rows.slice(done, done + AT_ONCE));
      if (done + AT_ONCE < rows.length) go(done + AT_ONCE);
    });
    go(AT_ONCE);
  }

  function sort(section, key, direction, quiet) {
    const place = section.keys.indexOf(key);
    if (place < 0) return;
    section.turn += 1;
    const order = data.columns[`${section.number}.${key}`];
    const rank = order && new Map(order[0].map((of, at) => [of, at]));
    const sign = direction === "ascending" ? 1 : -1;
    for (const { body, measured, lines } of section.bodies) {
      const ranked = measured && rank;
      lines.sort((a, b) => {
        if (key === "name") return sign * a.name.localeCompare(b.name, "en") || a.order - b.order;
        const [x, y] = [a.values[place], b.values[place]];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.order - b.order;
        if (ranked) {
          // What is not ranked comes after what is, in either direction.
          const [first, second] = [rank.get(a.of), rank.get(b.of)];
          if (first === undefined || second === undefined) return (first === undefined) - (second === undefined) || sign * (x - y) || a.order - b.order;
          return -sign * (first - second);
        }
        return sign * (x - y) || a.order - b.order;
      });
      put(section, body, lines.map((line) => line.row));
    }
    for (const head of section.heads) head.removeAttribute("aria-sort");
    section.heads[place].setAttribute("aria-sort", direction);
    section.sorted = [key, direction];
    if (!quiet) tell(`${section.title}: sorted by ${headText(section, key)}, ${direction}.`);
  }

  function filter(quiet) {
    const words = controls.elements.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const published = controls.elements.published.checked;
    const found = new Set();
    for (const section of sections) {
      for (const { body, measured, beside, lines } of section.bodies) {
        if (beside) continue;
        let any = false;
        for (const { row, name } of lines) {
          const fits = words.every((word) => name.toLowerCase().includes(word));
          row.hidden = !fits;
          any ||= fits;
          if (fits && measured && !section.element.hidden) found.add(name);
        }
        body.hidden = (!measured && !published) || !any;
      }
      const note = section.element.querySelector(".note.published");
      if (note) note.hidden = !published;
    }
    if (!quiet) tell(`${found.size} of ${measuredNames().size} measured representations shown.`);
  }
  const measuredNames = () => new Set(shown().flatMap((section) => section.bodies
    .filter((part) => part.measured).flatMap((part) => part.lines.map((line) => line.name))));

  function hide(section) {
    const rules = section.keys.flatMap((key, place) => !section.hidden.has(key) ? [] :
      [`section[data-number="${section.number}"] tr:not(.group) > :nth-child(${place + 1}) { display: none }`]);
    section.style ??= document.head.appendChild(document.createElement("style"));
    section.style.textContent = rules.join("\n");
  }

  function columns() {
    const box = document.querySelector("#columns div");
    box.replaceChildren();
    for (const section of shown()) {
      box.append(make("p", section.title, { class: "note" }));
      for (const key of section.keys.slice(1)) {
        const label = make("label", undefined, { class: "check" });
        const input = make("input", undefined, { type: "checkbox" });
        input.checked = !section.hidden.has(key);
        input.addEventListener("change", () => {
          section.hidden[input.checked ? "delete" : "add"](key);
          hide(section);
          hints();
          tell(`Column ${headText(section, key)} ${input.checked ? "shown" : "hidden"}.`);
          remember();
        });
        label.append(input, ` ${headText(section, key)}`);
        box.append(label);
      }
    }
  }

  function show(quiet) {
    const { split, protocol } = controls.elements;
    for (const section of document.querySelectorAll("section[data-split]")) {
      section.hidden = section.dataset.split !== split.value || section.dataset.protocol !== protocol.value;
    }
    columns();
    filter(true);
    scores();
    hints();
    const names = shown().map((section) => section.title);
    if (!quiet) {
      tell(`Split ${split.value}, protocol ${protocol.value}: ${names.length ? names.join("; ") : "no tables"}.`);
    }
    none.hidden = names.length > 0;
  }
  const none = make("p", "There are no rows with this split and protocol.", { class: "note" });
  none.hidden = true;
  document.getElementById("board").prepend(none);

  // The view is kept in the address, so that it can be sent to somebody.
  function remember() {
    const { split, protocol, filter: words, published } = controls.elements;
    const state = new URLSearchParams({ split: split.value, protocol: protocol.value });
    if (words.value) state.set("filter", words.value);
    if (!published.checked) state.set("published", "no");
    for (const section of sections) {
      if (section.sorted) state.set(`sort${section.number}`, section.sorted.join(" "));
      const extra = section.keys.filter((_, place) => "extra" in section.heads[place].dataset);
      if ([...section.hidden].sort().join() !== extra.sort().join()) state.set(`hide${section.number}`, [...section.hidden].join(" "));
    }
    try { history.replaceState(null, "", `#${state}`); } catch { /* a sandbox may forbid it */ }
  }
  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    const { protocol, filter: words, published } = controls.elements;
    for (const input of controls.querySelectorAll("[name=split]")) {
      if (input.value === state.get("split")) input.checked = true;
    }
    for (const option of protocol.options) {
      if (option.value === state.get("protocol")) option.selected = true;
    }
    words.value = state.get("filter") ?? "";
    published.checked = state.get("published") !== "no";
    for (const section of sections) {
      const [key, direction] = (state.get(`sort${section.number}`) ?? "").split(" ");
      if (key) sort(section, key, direction === "ascending" ? "ascending" : "descending", true);
      if (state.has(`hide${section.number}`)) section.hidden = new Set(state.get(`hide${section.number}`).split(" ").filter((k) => section.keys.includes(k) && k !== "name"));
    }
  }

  // Where a score is from.
  function peers(section, key, of) {
    const [order, bits] = data.columns[`${section.number}.${key}`];
    const packed = Uint8Array.from(atob(bits), (character) => character.charCodeAt(0));
    const own = order.indexOf(of);
    const better = (i, j) => {
      const bit = i * order.length - i * (i + 1) / 2 + j - i - 1;
      return (packed[bit >> 3] >> (7 - (bit & 7))) & 1;
    };
    return order.filter((_, at) => at !== own && !better(Math.min(at, own), Math.max(at, own))).map((at) => data.names[at]);
  }
  function provenance(button) {
    const cell = button.closest("td");
    const section = sections.find((one) => one.element.contains(cell));
    const key = section.keys[cell.cellIndex];
    const of = Number(cell.parentElement.dataset.n);
    const rows = rowsOf(section, key, of);
    const name = data.names[of];
    const value = button.firstChild.textContent;
    document.getElementById("ptitle").textContent = `${name}: ${headText(section, key)}`;
    const body = dialog.querySelector(".body");
    const big = make("p", value, { class: "big" });
    const ranked = data.columns[`${section.number}.${key}`][0].includes(of);
    big.append(make("small", `  95 % interval ${ends(cell)}, ${ranked ? `rank group ${button.querySelector("sup").textContent}` : "not ranked"}`));
    const alike = ranked ? peers(section, key, of) : [];
    const others = data.columns[`${section.number}.${key}`][0].length - 1;
    const remarks = cell.querySelector("small")?.textContent;
    body.replaceChildren(big);
    if (remarks) body.append(make("p", `${remarks[0].toUpperCase()}${remarks.slice(1)}.`));
    const level = section.bodies.find((part) => part.beside)?.lines.at(-1)?.cells[cell.cellIndex].textContent;
    if (number(level ?? "–") >= 0 || level?.startsWith("\u2212")) body.append(make("p", `Chance: ${level}.`));
    const why = data.notes[`${section.number}.${key}`]?.[of];
    if (why) body.append(make("p", why, { class: "why" }));
    if (ranked) body.append(make("p", others === 0 ? "There is nothing to compare it with yet." :
      alike.length ? `Not distinguishable from ${alike.length} of ${others}: ${alike.join(", ")}.` :
        `Distinguishable from ${others === 1 ? "the other" : `all ${others} others`}.`));
    if (cell.querySelector("b")) body.append(make("p", "◊ Its pre-training data overlaps the task: its clips, or others of the same source."));
    if (rows.length > 1) body.append(make("p", "The mean over four tasks, after the scores of each task; the rows it follows from:"));
    for (const row of rows) {
      if (rows.length > 1) body.append(make("h3", fact(row, "task")));
      const list = make("dl");
      const add = (term, ...words) => {
        const place = make("dd");
        place.append(...words);
        list.append(make("dt", term), place);
      };
      if (rows.length === 1) add("Task", fact(row, "task"));
      add("Split", fact(row, "split"));
      add("Clips", fact(row, "counts"));
      add("Protocol", `${fact(row, "protocol")}; ${fact(row, "probes")} probes`);
      add("Selected probe", fact(row, "probe"));
      if (fact(row, "layer")) add("Layer", fact(row, "layer"));
      const trained = fact(row, "updates") ? `${fact(row, "updates")} updates, best after ${fact(row, "best")}; ` : "";
      add("Training", `${trained}${fact(row, "valid").toFixed(1)} on validation`);
      add("Representation", `${fact(row, "dims")} dimensions; ${fact(row, "origin")}; fingerprint ${fact(row, "fingerprint")}; embeddings ${fact(row, "embeddings")}…`);
      add("Trained on", fact(row, "trained"));
      if (fact(row, "weights")) add("Weights", `SHA-256 of ${fact(row, "weights")}`);
      const seconds = fact(row, "seconds");
      add("Cost", `${seconds ? `${seconds.toLocaleString("en")} s embedding` : "embedding not measured"}, ${fact(row, "probing").toLocaleString("en")} s probing, ${fact(row, "memory").toLocaleString("en")} MiB at most`);
      add("Made with", fact(row, "versions"));
      const place = `results/${fact(row, "folder")}/${fact(row, "file")}`;
      add("Row", make("a", place, { href: place.split("/").map(encodeURIComponent).join("/") }));
      body.append(list);
    }
    dialog.showModal();
    body.scrollTop = 0;
  }

  // Score against cost.
  const drawn = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const score = cost.querySelector("[name=score]");
  const by = cost.querySelector("[name=cost]");
  const points = (choice) => {
    const [at, ...rest] = choice.split(".");
    const section = sections.find((one) => one.number === at);
    const place = section.keys.indexOf(rest.join("."));
    const found = [];
    for (const { of, name, cells } of section.bodies.filter((part) => part.measured).flatMap((part) => part.lines)) {
      const button = cells[place].querySelector("button");
      if (!button) continue;
      const rows = rowsOf(section, section.keys[place], of);
      const x = by.value === "dims" ? Math.max(...rows.map((row) => fact(row, "dims"))) :
        rows.every((row) => fact(row, "seconds")) ? rows.reduce((sum, row) => sum + fact(row, "seconds"), 0) : 0;
      const [low, high] = interval(cells[place]);
      found.push({ name, x, y: number(button.firstChild.textContent), low, high });
    }
    return found;
  };
  const drawable = (choice) => points(choice).filter((point) => point.x > 0);
  function scores() {
    const before = score.selectedOptions[0]?.textContent;
    score.replaceChildren();
    for (const section of shown()) {
      for (const key of section.keys.slice(2)) {
        if (data.columns[`${section.number}.${key}`]) {
          score.append(make("option", headText(section, key), { value: `${section.number}.${key}` }));
        }
      }
    }
    const options = [...score.options];
    const first = options.find((option) => option.textContent === before) ??
      options.find((option) => drawable(option.value).length > 1);
    if (first) first.selected = true;
    cost.hidden = options.length === 0;
    draw();
  }
  function draw() {
    const box = cost.querySelector(".drawing");
    box.replaceChildren();
    if (cost.hidden) return;
    const found = points(score.value);
    const seen = found.filter((point) => point.x > 0);
    const without = found.length - seen.length;
    const words = `${score.selectedOptions[0].textContent} against ${by.selectedOptions[0].textContent}`;
    document.getElementById("costnote").textContent = `Bars: 95 % intervals. The horizontal axis is logarithmic.${
      by.value === "seconds" ? " Seconds are those of each row’s own machine and device, summed over processes: a hint, not a race." : ""}${
      without ? ` Not drawn: ${without} without a measured cost (embedded elsewhere).` : ""}`;
    if (!seen.length) return;
    const [W, H, L, R, T, B] = [box.clientWidth < 480 ? 400 : 640, 340, 44, 44, 14, 42];
    const labels = [];
    const logs = seen.map((point) => Math.log10(point.x));
    let [x0, x1] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))];
    if (x1 <= x0) x1 = x0 + 1;
    let [y0, y1] = [Math.min(...seen.map((p) => p.low)), Math.max(...seen.map((p) => p.high))];
    const step = [1, 2, 5, 10, 20, 50, 100, 1000].find((size) => (y1 - y0) / size <= 6);
    [y0, y1] = [Math.floor(y0 / step) * step, Math.ceil(y1 / step) * step || 1];
    if (y1 <= y0) y1 = y0 + step;
    const X = (value) => L + (W - L - R) * (Math.log10(value) - x0) / (x1 - x0);
    const Y = (value) => H - B - (H - B - T) * (value - y0) / (y1 - y0);
    const svg = drawn("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label":
      `${words}. ${seen.length} representations; the table above has the numbers.` });
    svg.append(drawn("path", { class: "axis", d: `M${L} ${T}V${H - B}H${W - R}` }));
    for (let power = x0; power <= x1; power += 1) {
      svg.append(drawn("text", { x: X(10 ** power), y: H - B + 17, "text-anchor": "middle" }, (10 ** power).toLocaleString("en")));
    }
    for (let value = y0; value <= y1 + 1e-9; value += step) {
      svg.append(drawn("text", { x: L - 8, y: Y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    svg.append(drawn("text", { x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle" }, by.selectedOptions[0].textContent));
    seen.sort((a, b) => b.y - a.y);
    for (const point of seen) {
      const group = drawn("g", {});
      group.append(drawn("title", {}, `${point.name}: ${point.y.toFixed(1)} [${point.low.toFixed(1)}, ${point.high.toFixed(1)}], ${point.x.toLocaleString("en")}`),
        drawn("line", { x1: X(point.x), x2: X(point.x), y1: Y(point.low), y2: Y(point.high) }),
        drawn("circle", { cx: X(point.x), cy: Y(point.y), r: seen.length > 30 ? 3 : 4.5 }));
      if (seen.length <= 12) {
        const name = point.name.length > 24 ? `${point.name.slice(0, 23)}…` : point.name;
        const left = X(point.x) + 7 * name.length > W - 10;
        const from = left ? X(point.x) - 8 - 6.5 * name.length : X(point.x) + 8;
        let y = Y(point.y) + 4;
        while (labels.some((other) => Math.abs(other.y - y) < 13 && other.from < from + 6.5 * name.length && from < other.to)) y += 13;
        labels.push({ y, from, to: from + 6.5 * name.length });
        group.append(drawn("text", { class: "name", x: X(point.x) + (left ? -8 : 8), y, "text-anchor": left ? "end" : "start" }, name));
      }
      svg.append(group);
    }
    box.append(svg);
  }

  // A table that is wider than the page says so, and how much of it there is to come.
  const boxes = [...document.querySelectorAll(".scroll")].map((box) => {
    const hint = make("p", undefined, { class: "hint", "aria-hidden": "true" });
    hint.hidden = true;
    box.before(hint);
    return { box, hint, heads: [...box.querySelectorAll("thead th")] };
  });
  function hints() {
    for (const { box, hint, heads } of boxes) {
      const edge = box.getBoundingClientRect().right;
      const left = heads.filter((head) => head.offsetWidth && head.getBoundingClientRect().right > edge + 1).length;
      hint.hidden = box.scrollWidth <= box.clientWidth + 1;
      box.classList.toggle("more", left > 0);
      hint.textContent = left ? `${left} more column${left === 1 ? "" : "s"}: scroll sideways \u2192` : "\u2190 scroll back";
    }
  }
  for (const { box } of boxes) box.addEventListener("scroll", hints, { passive: true });
  addEventListener("resize", hints);

  for (const section of sections) {
    section.heads.forEach((head, place) => {
      const button = make("button", undefined, { type: "button" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const key = section.keys[place];
        const [before, direction] = section.sorted ?? [];
        const first = key === "name" ? "ascending" : "descending";
        const other = first === "ascending" ? "descending" : "ascending";
        sort(section, key, before === key && direction === first ? other : first);
        remember();
      });
    });
    section.table.addEventListener("click", (event) => {
      const button = event.target.closest("td button");
      if (button) provenance(button);
    });
  }
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.elements.filter.addEventListener("input", () => { filter(); remember(); });
  controls.elements.published.addEventListener("change", () => { filter(); remember(); });
  for (const input of controls.querySelectorAll("[name=split], [name=protocol]")) {
    input.addEventListener("change", () => { show(); remember(); });
  }
  const menu = document.getElementById("columns");
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) { menu.open = false; menu.firstElementChild.focus(); }
  });
  for (const choice of [score, by]) choice.addEventListener("change", draw);
  controls.hidden = false;
  recall();
  sections.forEach(hide);
  show(true);
})();
