(() => {
  const hints = makeHints();
  const data = JSON.parse(document.getElementById("data").textContent);
  const NONE = -32768;
  const form = document.querySelector("#compare form").elements;
  const score = document.querySelector("[name=score]");
  const words = document.getElementById("words");
  const map = document.getElementById("map");
  const back = document.getElementById("back");
  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const drawn = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const distinct = (list) => [...new Set(list)];
  const chosen = () => data.tables.filter((table) => table.split === form.split.value && table.protocol === form.protocol.value);
  const columns = () => chosen().flatMap((table) => table.columns);
  const label = (column) => `${column.task} ${column.score}`;

  // Numbers are hundredths of a point; where one decimal would hide a sign, there are two.
  const digits = (value) => (Math.abs(value / 100)).toFixed(value !== 0 && Math.abs(value) < 5 ? 2 : 1);
  const plain = (value) => `${value < 0 && digits(value) !== "0.0" ? "\u2212" : ""}${digits(value)}`;
  const signed = (value) => (value > 0 ? "+" : "") + plain(value);

  function endsOf(column, i, j) {
    if (i > j) {
      const [low, high] = endsOf(column, j, i);
      return low === null ? [null, null] : [-high, -low];
    }
    if (!column.view) {
      const bytes = Uint8Array.from(atob(column.ends), (character) => character.charCodeAt(0));
      column.view = new DataView(bytes.buffer);
    }
    const pair = i * column.order.length - i * (i + 1) / 2 + j - i - 1;
    const [low, high] = [0, 1].map((end) => column.size === 2 ?
      column.view.getInt16(4 * pair + 2 * end, true) : column.view.getInt32(8 * pair + 4 * end, true));
    return low === NONE ? [null, null] : [low, high];
  }
  const verdict = ([low, high]) => low === null ? "unknown" : low > 0 ? "better" : high < 0 ? "worse" : "alike";

  function list(parts) {
    return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}`;
  }
  // Scores of one task that agree are said once, by the name of the task.
  function sayings(found) {
    const by = { better: [], worse: [], alike: [], unknown: [] };
    for (const task of distinct(found.map((one) => one.column.task))) {
      const own = found.filter((one) => one.column.task === task);
      const agree = own.every((one) => one.verdict === own[0].verdict);
      for (const one of agree ? own.slice(0, 1) : own) by[one.verdict].push(agree ? task : label(one.column));
    }
    return by;
  }
  function sentence(a, b, found, asked) {
    if (asked) return asked;
    if (a === b) return "Choose two representations that differ.";
    const [one, other] = [data.names[a], data.names[b]];
    if (!found.length) return `${one} and ${other} have no score in common with this split and protocol.`;
    const by = sayings(found);
    const parts = [];
    if (by.better.length) parts.push(`better than ${other} on ${list(by.better)}`);
    if (by.worse.length) parts.push(`worse ${by.better.length ? "" : `than ${other} `}on ${list(by.worse)}`);
    if (by.alike.length) parts.push(`not distinguishable ${parts.length ? "" : `from ${other} `}on ${list(by.alike)}`);
    if (by.unknown.length) parts.push(`not comparable ${parts.length ? "" : `with ${other} `}on ${list(by.unknown)} (too many resamples without a score)`);
    return `${one} is ${parts.join(", ")}.`;
  }

  function bar(low, high, value, reach) {
    const x = (at) => 88 + 84 * at / reach;
    const svg = drawn("svg", { viewBox: "0 0 176 20", "aria-hidden": "true" });
    svg.append(drawn("line", { x1: 88, x2: 88, y1: 0, y2: 20, stroke: "var(--soft)", "stroke-dasharray": "2 2" }),
      drawn("line", { x1: x(low), x2: x(high), y1: 10, y2: 10, stroke: "var(--bar)", "stroke-width": 4 }),
      drawn("circle", { cx: x(value), cy: 10, r: 4, fill: "var(--accent)" }));
    return svg;
  }
  // On a narrow screen cells stand below each other, beside what is their column's head elsewhere;
  // roles say that they are a table still.
  const heads = [...document.querySelectorAll("#differences thead th")].map((head) => head.textContent);
  function labelled(row) {
    row.setAttribute("role", "row");
    [...row.cells].forEach((cell, place) => {
      cell.setAttribute("role", place ? "cell" : "rowheader");
      if (place && cell.hasChildNodes()) cell.dataset.head = heads[place];
    });
    return row;
  }
  const SAYS = { better: "A is better", worse: "B is better", alike: "not distinguishable", unknown: "no interval" };
  const MARKS = { better: "ahead", worse: "behind" };

  function compare(asked) {
    const [a, b] = [Number(form.a.value), Number(form.b.value)];
    const found = [];
    const lines = [];
    document.getElementById("tested").textContent = distinct(chosen().map((table) => table.tested)).filter(Boolean).map((text) => `Tested on ${text}.`).join(" ");
    for (const column of columns()) {
      const [i, j] = [column.order.indexOf(a), column.order.indexOf(b)];
      const both = i >= 0 && j >= 0 && i !== j;
      const one = { column, i, j };
      if (both) {
        one.ends = endsOf(column, i, j);
        one.verdict = verdict(one.ends);
        one.value = column.values[i] - column.values[j];
        found.push(one);
      }
      if (i >= 0 || j >= 0 || [a, b].some((of) => column.unranked.includes(of))) lines.push(one);
    }
    const reach = Math.max(1, ...found.flatMap((one) => one.ends[0] === null ? [] : one.ends.map(Math.abs)),
      ...found.map((one) => Math.abs(one.value)));
    const cell = (column, at) => {
      const td = make("td", at < 0 ? "–" : column.shown[at]);
      if (at >= 0) td.append(make("sup", String(column.groups[at])), column.overlap[at] ? " ◊" : "", column.chance[at] ? " ≈ chance" : "");
      return td;
    };
    const lacks = ({ column, i, j }) => [["A", a, i], ["B", b, j]].filter(([, , at]) => at < 0)
      .map(([side, of]) => `${side} ${column.unranked.includes(of) ? "is not ranked" : "was not run"}`).join(", ");
    document.querySelector("#differences tbody").replaceChildren(...lines.map((one) => {
      const row = make("tr");
      row.append(make("th", label(one.column), { scope: "row" }), cell(one.column, one.i), cell(one.column, one.j));
      if (!one.ends) {
        row.append(make("td", "–"), make("td", "–"), make("td"), make("td", a === b ? "" : lacks(one), { class: "words" }));
        return labelled(row);
      }
      const [low, high] = one.ends;
      const picture = make("td");
      if (low !== null) picture.append(bar(low, high, one.value, reach));
      row.append(make("td", signed(one.value)), make("td", low === null ? "–" : `${signed(low)} to ${signed(high)}`), picture,
        make("td", SAYS[one.verdict], { class: `words ${MARKS[one.verdict] ?? ""}` }));
      return labelled(row);
    }));
    words.textContent = sentence(a, b, found, asked);
    document.title = a === b ? "Compare two · mirbench leaderboard" : `${data.names[a]} or ${data.names[b]} · mirbench leaderboard`;
  }

  // Runs of equal cells are drawn at once: with 200 representations there are 40,000 cells.
  function draw() {
    const column = columns().find((one) => one.key === score.value);
    map.replaceChildren();
    const body = document.querySelector("#counts tbody");
    body.replaceChildren();
    if (!column) return;
    const n = column.order.length;
    document.querySelector(".key").hidden = n < 2;
    if (n < 2) map.append(make("p", n ? `${data.names[column.order[0]]} is the only one that is ranked here: there is nobody to compare it with.` : "Nobody is ranked here."));
    const named = n <= 60; // few enough that each cell is drawn on its own
    const size = Math.max(3, Math.min(26, Math.floor(600 / n)));
    const short = (name, most = 26) => name.length > most ? `${name.slice(0, most - 1)}…` : name;
    const [L, T] = named ? [190, 120] : [4, 4];
    const paths = { better: "", worse: "", alike: "" };
    const rows = column.order.map((of, i) => {
      const cells = column.order.map((_, j) => i === j ? "self" : verdict(endsOf(column, i, j)));
      for (let from = 0; from < n;) {
        let to = from + 1;
        while (!named && to < n && cells[to] === cells[from]) to += 1;
        if (cells[from] in paths) paths[cells[from]] += `M${L + from * size} ${T + i * size}h${(to - from) * size}v${size}h${(from - to) * size}z`;
        from = to;
      }
      return { of, i, cells };
    });
    const [W, H] = [L + n * size + (named ? 80 : 4), T + n * size + 4];
    const svg = drawn("svg", { width: W, height: H, viewBox: `0 0 ${W} ${H}`,
      role: "img", "aria-label": `Who beats whom: ${label(column)}. The table below has the numbers.` });
    const fills = { better: "var(--ahead)", worse: "var(--behind)", alike: "var(--alike)" };
    for (const [kind, d] of Object.entries(paths)) svg.append(drawn("path", { d, fill: fills[kind], stroke: named ? "var(--paper)" : "none" }));
    for (const { of, i } of named ? rows : []) {
      const middle = i * size + size / 2 + 4;
      svg.append(drawn("text", { x: L - 6, y: T + middle, "text-anchor": "end", fill: "var(--ink)" }, `${short(data.names[of])} ${column.groups[i]}`),
        drawn("text", { transform: `translate(${L + middle} ${T - 6}) rotate(-60)`, fill: "var(--ink)" }, short(data.names[of], 18)));
    }
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = W / box.width;
      const [j, i] = [(event.clientX - box.left) * scale - L, (event.clientY - box.top) * scale - T].map((place) => Math.floor(place / size));
      return i >= 0 && j >= 0 && i < n && j < n && i !== j ? [i, j] : null;
    };
    svg.addEventListener("mousemove", (event) => {
      const cell = at(event);
      const says = { better: "better than", worse: "worse than", alike: "not distinguishable from", unknown: "not comparable with" };
      map.title = cell ? `${data.names[column.order[cell[0]]]} is ${says[rows[cell[0]].cells[cell[1]]]} ${data.names[column.order[cell[1]]]}` : "";
    });
    svg.addEventListener("click", (event) => {
      const cell = at(event);
      if (!cell) return;
      [form.a.value, form.b.value] = cell.map((place) => String(column.order[place]));
      changed();
      words.focus();
      back.hidden = false;
    });
    if (n > 1) map.append(svg);
    body.append(...rows.map(({ of, i, cells }) => {
      const row = make("tr");
      const head = make("th", undefined, { scope: "row" });
      head.append(make("a", data.names[of], { href: cameFrom ? `${data.pages[of]}#${new URLSearchParams({ view: cameFrom })}` : data.pages[of] }));
      const count = (kind) => make("td", String(cells.filter((cell) => cell === kind).length));
      row.append(head, make("td", column.shown[i]), make("td", String(column.groups[i])), count("better"), count("alike"), count("worse"));
      return row;
    }));
  }

  function fill(select, pairs, wanted) {
    select.replaceChildren(...pairs.map(([value, text]) => make("option", text, { value })));
    const value = pairs.some(([known]) => String(known) === String(wanted)) ? String(wanted) : String(pairs[0]?.[0] ?? "");
    select.value = value;
  }
  function remember() {
    const state = new URLSearchParams({ a: data.names[form.a.value], b: data.names[form.b.value],
      split: form.split.value, protocol: form.protocol.value, score: score.value });
    if (cameFrom) state.set("view", cameFrom);
    try { history.replaceState(null, "", `#${state}`); } catch { /* a sandbox may forbid it */ }
  }
  function changed() {
    compare();
    hints();
    remember();
  }
  // Unless one is asked for, the first score that both have, or else that several have.
  function scores(wanted) {
    const all = columns();
    const both = [form.a, form.b].map((select) => Number(select.value));
    const usual = all.find((column) => column.key === wanted) ?? all.find((column) => both.every((of) => column.order.includes(of))) ??
      all.find((column) => column.order.length > 1);
    fill(score, all.map((column) => [column.key, label(column)]), usual?.key);
    draw();
  }
  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    const [a, b] = ["a", "b"].map((key) => data.names.indexOf(state.get(key)));
    const has = (table, of) => of < 0 || table.columns.some((column) => column.order.includes(of));
    const wide = (table) => new Set(table.columns.flatMap((column) => column.order)).size > 1;
    const fits = (table) => (!state.has("split") || table.split === state.get("split")) && (!state.has("protocol") || table.protocol === state.get("protocol"));
    const table = data.tables.find((one) => fits(one) && has(one, a) && has(one, b) && wide(one)) ??
      data.tables.find((one) => fits(one) && wide(one)) ?? data.tables.find(fits) ?? data.tables.find(wide) ?? data.tables[0];
    fill(form.split, distinct(data.tables.map((one) => one.split)).map((one) => [one, one]), table.split);
    fill(form.protocol, distinct(data.tables.map((one) => one.protocol)).map((one) => [one, one]), table.protocol);
    const usual = distinct(table.columns.flatMap((column) => column.order));
    const names = data.names.map((name, of) => [of, name]);
    const first = a >= 0 ? a : usual.find((of) => of !== b);
    fill(form.a, names, first);
    fill(form.b, names, b >= 0 ? b : usual.find((of) => of !== Number(form.a.value)) ?? first);
    scores(state.get("score"));
    const lost = ["a", "b"].filter((key) => state.get(key) && !data.names.includes(state.get(key))).map((key) => state.get(key));
    compare(lost.length ? `There is no representation ${list(lost)} on this board.` : undefined);
  }

  if (!data.tables.length) {
    document.getElementById("empty").hidden = false;
    return;
  }
  document.getElementById("compare").hidden = false;
  for (const select of [form.a, form.b]) select.addEventListener("change", changed);
  for (const select of [form.split, form.protocol]) {
    select.addEventListener("change", () => { scores(score.value); changed(); });
  }
  back.addEventListener("click", (event) => {
    event.preventDefault(); // the address holds the view
    back.hidden = true;
    map.focus();
    document.getElementById("map-title").scrollIntoView();
  });
  score.addEventListener("change", () => { draw(); hints(); remember(); });
  for (const one of document.querySelectorAll("#compare form")) one.addEventListener("submit", (event) => event.preventDefault());
  // A link within the page names a place of it; any other address is a view.
  window.addEventListener("hashchange", () => { if (location.hash.includes("=")) { recall(); hints(); } });
  recall();
  hints();
})();
