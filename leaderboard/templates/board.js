(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const controls = document.getElementById("controls");
  const said = document.getElementById("said");
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
  const hints = makeHints();
  const filters = makeFilters({ data, controls, make });

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
  // Links carry the view along, so that one comes back to it.
  const carry = (link) => {
    const [place, state] = link.getAttribute("href").split("#");
    const carried = new URLSearchParams(state ?? "");
    if (place === "compare.html" && !carried.has("score")) {
      const { split, protocol } = controls.elements;
      for (const [name, value] of [["split", split.value], ["protocol", protocol.value]]) carried.set(name, value);
    }
    if (location.hash.length > 1) carried.set("view", location.hash.slice(1)); else carried.delete("view");
    link.setAttribute("href", carried.size ? `${place}#${carried}` : place);
  };
  for (const what of ["pointerdown", "focusin", "click"]) {
    document.addEventListener(what, (event) => {
      const link = event.target.closest?.('a[href^="rep/"], a[href^="compare.html"]');
      if (link) carry(link);
    }, true);
  }
  // Names lead to the pages of their representations.
  const pageOf = new Map(data.rows.map((_, row) => [fact(row, "name"), `rep/${fact(row, "folder")}.html`]));
  for (const { cells, of } of sections.flatMap(({ bodies }) => bodies).filter((part) => part.measured).flatMap((part) => part.lines)) {
    const link = make("a", undefined, { href: pageOf.get(of) });
    link.append(cells[0].firstChild);
    cells[0].prepend(link);
  }
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

  const costs = makeCost({ sections, shown, rowsOf, fact, headText, interval, number, make, filters, changed: () => remember() });

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
          const fits = words.every((word) => name.toLowerCase().includes(word)) && filters.fits(row.dataset.n);
          row.hidden = !fits;
          any ||= fits;
          if (fits && measured && !section.element.hidden) found.add(name);
        }
        body.hidden = (!measured && !published) || !any;
      }
      const note = section.element.querySelector(".note.published");
      const left = (part) => !part.beside && !part.body.hidden;
      const withPublished = section.bodies.some((part) => left(part) && !part.measured);
      if (note) note.hidden = !withPublished;
      const silent = section.element.querySelector(".note.filtered");
      if (silent) silent.hidden = !published || !filters.active();
      const box = section.element.querySelector(".scroll");
      box.hidden = !section.bodies.some(left) && section.bodies.some((part) => !part.beside);
    }
    const any = shown().some((section) => section.bodies.some((part) => !part.beside && !part.body.hidden));
    nothing.hidden = any || !shown().length || !(words.length || filters.active());
    costs.draw();
    hints();
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
    costs.scores();
    hints();
    const names = shown().map((section) => section.title);
    if (!quiet) {
      tell(`Split ${split.value}, protocol ${protocol.value}: ${names.length ? names.join("; ") : "no tables"}.`);
    }
    none.hidden = names.length > 0;
  }
  const nothing = make("p", "No representation matches the filters. ", { class: "note nothing" });
  nothing.append(make("button", "Clear them", { type: "button" }));
  const none = make("p", "There are no rows with this split and protocol.", { class: "note" });
  none.hidden = true;
  nothing.hidden = true;
  document.getElementById("board").prepend(none, nothing);

  // The view is kept in the address, so that it can be sent to somebody.
  function remember() {
    const { split, protocol, filter: words, published } = controls.elements;
    const state = new URLSearchParams({ split: split.value, protocol: protocol.value });
    if (words.value) state.set("filter", words.value);
    if (!published.checked) state.set("published", "no");
    filters.remember(state);
    costs.remember(state);
    if (panel) {
      state.set("panel", panel.key);
      state.set("of", panel.name);
    }
    for (const section of sections) {
      if (section.sorted) state.set(`sort${section.number}`, section.sorted.join(" "));
      const extra = section.keys.filter((_, place) => "extra" in section.heads[place].dataset);
      if ([...section.hidden].sort().join() !== extra.sort().join()) state.set(`hide${section.number}`, [...section.hidden].join("|"));
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
    filters.recall(state);
    costs.recall(state);
    for (const section of sections) {
      const [, key, direction] = /^(.+) (\w+)$/.exec(state.get(`sort${section.number}`) ?? "") ?? [];
      if (key) sort(section, key, direction === "ascending" ? "ascending" : "descending", true);
      if (state.has(`hide${section.number}`)) section.hidden = new Set(state.get(`hide${section.number}`).split("|").filter((k) => section.keys.includes(k) && k !== "name"));
    }
  }

  const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  // Where a score is from; which panel is open is in the address, too.
  let panel = null;
  function reopen(key, name) {
    for (const section of shown()) {
      const place = section.keys.indexOf(key);
      const line = section.bodies.flatMap((part) => part.lines).find((one) => one.name === name);
      const button = place > 1 && line?.cells[place].querySelector("button");
      if (button) { provenance(button); return; }
    }
  }
  function peers(section, key, of) {
    const [order, runs] = data.columns[`${section.number}.${key}`];
    const own = order.indexOf(of);
    const alike = [];
    let at = 0;
    // Runs of worse scores that each is not better than, and is, by turns.
    for (let first = 0; first < order.length - 1; first += 1) {
      for (let [second, better] = [first + 1, false]; second < order.length; better = !better) {
        let length = 0;
        let digit;
        do {
          digit = DIGITS.indexOf(runs[at]);
          at += 1;
          length += digit;
        } while (digit === 63);
        for (const end = second + length; second < end; second += 1) {
          if (!better && (first === own || second === own)) alike.push(first === own ? second : first);
        }
      }
    }
    return alike.map((place) => data.names[order[place]]);
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
    const others = data.columns[`${section.number}.${key}`][0].length - 1;
    big.append(make("small", `  95 % interval ${ends(cell)}, ${!ranked ? "not ranked" : others ? `rank group ${button.querySelector("sup").textContent}` : "the only one ranked"}`));
    const alike = ranked ? peers(section, key, of) : [];
    const said = cell.querySelector("small")?.textContent ?? "";
    const atChance = said.startsWith("≈ chance");
    const remarks = said.replace(/^≈ chance(, )?/, "");
    body.replaceChildren(big);
    if (remarks) body.append(make("p", `${remarks[0].toUpperCase()}${remarks.slice(1)}.`));
    const level = section.bodies.find((part) => part.beside)?.lines.at(-1)?.cells[cell.cellIndex].textContent;
    if (number(level ?? "–") >= 0 || level?.startsWith("\u2212")) body.append(make("p", atChance ? `Not above chance, which scores ${level}.` : `Chance: ${level}.`));
    const why = data.notes[`${section.number}.${key}`]?.[of];
    if (why) body.append(make("p", why, { class: "why" }));
    if (ranked) body.append(make("p", others === 0 ? "There is nothing to compare it with yet." :
      alike.length ? `Not distinguishable from ${alike.length} of ${others}: ${alike.join(", ")}.` :
        `Distinguishable from ${others === 1 ? "the other" : `all ${others} others`}.`));
    if (cell.querySelector("b")) body.append(make("p", "◊ Its pre-training data overlaps the task: its clips, or others of the same source."));
    if (rows.length > 1) body.append(make("p", "The mean over four tasks, after the scores of each task; the rows it follows from:"));
    const more = make("p");
    more.append(make("a", "Its page", { href: pageOf.get(of) }), " · ", make("a", "compare it with another", { href: `compare.html#${
      new URLSearchParams({ a: name, split: section.element.dataset.split, protocol: section.element.dataset.protocol, score: key })}` }));
    body.append(more);
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
      add("Representation", `${fact(row, "dims")} dimensions; ${fact(row, "origin")}; fingerprint ${fact(row, "fingerprint")}`);
      add("Trained on", fact(row, "trained"));
      if (fact(row, "weights")) add("Weights", `SHA-256 of ${fact(row, "weights")}`);
      const seconds = fact(row, "seconds");
      add("Cost", `${seconds ? `${seconds.toLocaleString("en")} s embedding` : "embedding not measured"}, ${fact(row, "probing").toLocaleString("en")} s probing, ${fact(row, "memory").toLocaleString("en")} MiB at most`);
      add("Made with", fact(row, "versions"));
      const place = `${data.place}${fact(row, "folder")}/${fact(row, "file")}`;
      add("Row", make("a", place, { href: place.split("/").map(encodeURIComponent).join("/") }));
      body.append(list);
    }
    dialog.showModal();
    body.scrollTop = 0;
    panel = { key, name };
    remember();
  }

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
  dialog.addEventListener("close", () => { panel = null; remember(); });
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.elements.filter.addEventListener("input", () => { filter(); remember(); });
  controls.elements.published.addEventListener("change", () => { filter(); remember(); });
  for (const input of controls.querySelectorAll("[name=split], [name=protocol]")) {
    input.addEventListener("change", () => { show(); remember(); });
  }
  filters.listen(() => { filter(); remember(); });
  filters.offer({ shown, headText, interval, number, costOf: costs.costOf });
  nothing.querySelector("button").addEventListener("click", () => {
    controls.elements.filter.value = "";
    filters.clear();
    filter();
    remember();
    controls.elements.filter.focus();
  });
  controls.hidden = false;
  document.getElementById("choose").hidden = false;
  const wanted = new URLSearchParams(location.hash.slice(1));
  recall();
  sections.forEach(hide);
  show(true);
  reopen(wanted.get("panel"), wanted.get("of"));
})();
