// Score against cost: seconds, dimensions or parameters, with intervals and the Pareto front.
function makeCost({ sections, shown, rowsOf, fact, headText, interval, number, make, filters, changed }) {
  const cost = document.getElementById("cost");
  const score = cost.querySelector("[name=score]");
  const by = cost.querySelector("[name=cost]");
  const said = document.getElementById("front");
  let wanted = null;
  let touched = false;
  const drawn = (name, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const key = (choice) => choice.slice(choice.indexOf(".") + 1);
  // What each costs; null where nobody stated or measured it.
  const PRICES = {
    dims: (rows) => Math.max(...rows.map((row) => fact(row, "dims"))),
    seconds: (rows) => rows.every((row) => fact(row, "seconds")) ? rows.reduce((sum, row) => sum + fact(row, "seconds"), 0) : null,
    parameters: (_, of) => filters.parameters(of),
  };
  const ABSENT = { seconds: "a measured cost (embedded elsewhere)", parameters: "a stated number of parameters", dims: "dimensions" };
  const points = (choice) => {
    const section = sections.find((one) => one.number === choice.split(".")[0]);
    const place = section.keys.indexOf(key(choice));
    const found = [];
    for (const { row, of, name, cells } of section.bodies.filter((part) => part.measured).flatMap((part) => part.lines)) {
      const button = cells[place].querySelector("button");
      if (!button || row.hidden || button.querySelector("sup").textContent === "–") continue; // not ranked: not comparable
      const [low, high] = interval(cells[place]);
      found.push({ name, x: PRICES[by.value](rowsOf(section, section.keys[place], of), of), y: number(button.firstChild.textContent),
        low, high, group: Number(button.querySelector("sup").textContent) });
    }
    return found;
  };
  // The first to be seen is the one that tells most apart, of those that most can be drawn of.
  const tells = (option) => {
    const found = points(option.value).filter((point) => point.x !== null);
    return found.length < 2 ? 0 : 1000 * found.length + new Set(found.map((point) => point.group)).size;
  };

  function scores() {
    const before = score.selectedOptions[0]?.textContent;
    score.replaceChildren();
    for (const section of shown()) {
      for (const column of section.keys.slice(2)) {
        const place = section.keys.indexOf(column);
        const any = section.bodies.some((part) => part.measured && part.lines.some((line) => line.cells[place].querySelector("button")));
        if (any) score.append(make("option", headText(section, column), { value: `${section.number}.${column}` }));
      }
    }
    const options = [...score.options];
    const best = Math.max(0, ...options.map(tells));
    const first = options.find((option) => key(option.value) === wanted) ?? (touched ? options.find((option) => option.textContent === before) : undefined) ??
      options.find((option) => tells(option) === best);
    if (first) first.selected = true;
    wanted = null;
    cost.hidden = options.length === 0;
    draw();
  }

  // Nobody else costs as little and scores as much.
  const isOnFront = (point, all) => !all.some((other) => other.x <= point.x && other.y >= point.y && (other.x < point.x || other.y > point.y));
  const amount = (point) => {
    const unit = { seconds: " s", dims: " dimensions", parameters: " parameters" }[by.value];
    return `${point.x.toLocaleString("en")}${unit}`;
  };
  function tell(seen) {
    if (!seen.length) { said.textContent = ""; return; }
    const cheapest = (fitting) => fitting.reduce((one, other) => other.x < one.x || (other.x === one.x && other.y > one.y) ? other : one);
    const best = Math.max(...seen.map((point) => point.y));
    const near = cheapest(seen.filter((point) => point.y >= best - 1 - 1e-9));
    const words = (point) => `${point.name} (${point.y.toFixed(1)}; ${amount(point)})`;
    const alike = seen.filter((point) => point.group === 1);
    const front = seen.filter((point) => isOnFront(point, seen)).sort((a, b) => a.x - b.x);
    const measured = by.value === "seconds" ? ", by embedding seconds as measured by each row’s own run" : "";
    said.textContent = `Cheapest within one point of the best: ${words(near)}${measured}.${
      alike.length ? ` Cheapest of rank group 1: ${words(cheapest(alike))}.` : ""} On the Pareto front, where nobody scores as much for less: ${
      front.slice(0, 12).map(words).join(", ")}${front.length > 12 ? `, and ${front.length - 12} more` : ""}.`;
  }

  function draw() {
    const box = cost.querySelector(".drawing");
    box.replaceChildren();
    if (cost.hidden) return;
    const found = points(score.value);
    const seen = found.filter((point) => point.x !== null);
    const without = found.length - seen.length;
    document.getElementById("costnote").textContent = `Bars: 95 % intervals. Line: the Pareto front of what is drawn, by the scores alone. Only representations that are ranked, and that the filters leave, are drawn. The horizontal axis is logarithmic.${
      by.value === "seconds" ? " Seconds are those of each row’s own machine and device, summed over processes: a hint, not a race." : ""}${
      without ? ` Not drawn: ${without} without ${ABSENT[by.value]}.` : ""}`;
    tell(seen);
    // Whoever chose a cost that nobody states can choose another; with nobody left there is nothing to choose.
    cost.querySelector(".axes").hidden = ![...score.options].some((option) => points(option.value).length);
    if (!seen.length) document.getElementById("costnote").textContent = `Nothing to draw: no representation that is shown ${
      found.length ? `has ${ABSENT[by.value]}` : "is ranked on this score"}.`;
    if (seen.length) box.append(picture(seen, box.clientWidth < 480 ? 400 : 640));
  }

  function picture(seen, W) {
    const [H, R, T, B] = [340, 44, 14, 42];
    // What costs nothing has no place on a logarithmic axis: it stands left of it.
    const free = seen.some((point) => point.x === 0);
    const [L, gap] = [44, free ? 62 : 0];
    const logs = seen.filter((point) => point.x > 0).map((point) => Math.log10(point.x));
    let [x0, x1] = logs.length ? [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))] : [0, 1];
    if (x1 <= x0) x1 = x0 + 1;
    let [y0, y1] = [Math.min(...seen.map((p) => p.low)), Math.max(...seen.map((p) => p.high))];
    const step = [1, 2, 5, 10, 20, 50, 100, 1000].find((size) => (y1 - y0) / size <= 6) ?? 10 ** Math.ceil(Math.log10((y1 - y0) / 6));
    [y0, y1] = [Math.floor(y0 / step) * step, Math.ceil(y1 / step) * step || 1];
    if (y1 <= y0) y1 = y0 + step;
    const X = (value) => value === 0 ? L + 14 : L + gap + (W - L - gap - R) * (Math.log10(value) - x0) / (x1 - x0);
    const Y = (value) => H - B - (H - B - T) * (value - y0) / (y1 - y0);
    const words = `${score.selectedOptions[0].textContent} against ${by.selectedOptions[0].textContent}`;
    const svg = drawn("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label":
      `${words}. ${seen.length} representations; the table above has the numbers.` });
    svg.append(drawn("path", { class: "axis", d: `M${L} ${T}V${H - B}H${W - R}` }));
    const label = (power) => power < 4 ? String(Number((10 ** power).toPrecision(1))) : { 4: "10k", 5: "100k", 6: "1M", 7: "10M", 8: "100M", 9: "1G", 10: "10G" }[power] ?? `1e${power}`;
    for (let power = x0; power <= x1; power += Math.ceil((x1 - x0) / (W < 480 ? 5 : 8))) {
      svg.append(drawn("text", { x: X(10 ** power), y: H - B + 17, "text-anchor": "middle" }, label(power)));
    }
    if (free) svg.append(drawn("text", { x: X(0), y: H - B + 17, "text-anchor": "middle" }, "none"));
    for (let value = y0; value <= y1 + 1e-9; value += step) {
      svg.append(drawn("text", { x: L - 8, y: Y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    svg.append(drawn("text", { x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle" }, by.selectedOptions[0].textContent));
    const front = seen.filter((point) => isOnFront(point, seen)).sort((a, b) => a.x - b.x || a.y - b.y);
    svg.append(drawn("path", { class: "front", d: front.map((point, place) =>
      place ? `H${X(point.x).toFixed(1)}V${Y(point.y).toFixed(1)}` : `M${X(point.x).toFixed(1)} ${Y(point.y).toFixed(1)}`).join("") }));
    const named = new Set(seen.length <= 12 ? seen : front.slice(-12));
    const sorted = [...seen].sort((a, b) => b.y - a.y);
    for (const point of sorted) svg.append(drawn("line", { x1: X(point.x), x2: X(point.x), y1: Y(point.low), y2: Y(point.high) }));
    for (const point of sorted) {
      const dot = drawn("circle", { cx: X(point.x), cy: Y(point.y), r: seen.length > 30 ? 3 : 4.5 });
      dot.append(drawn("title", {}, `${point.name}: ${point.y.toFixed(1)} [${point.low.toFixed(1)}, ${point.high.toFixed(1)}], ${amount(point)}`));
      svg.append(dot);
    }
    const dots = sorted.map((point) => ({ point, x: X(point.x), y: Y(point.y), low: Y(point.low), high: Y(point.high),
      name: point.name.length > 24 ? `${point.name.slice(0, 23)}…` : point.name }));
    const lines = front.slice(1).flatMap((point, place) => {
      const [from, x, y, to] = [X(front[place].x), X(point.x), Y(front[place].y), Y(point.y)];
      return [{ x0: from, x1: x, y0: y - 1, y1: y + 1 }, { x0: x - 1, x1: x + 1, y0: to, y1: y }];
    });
    for (const { x, y, anchor, far, dot } of placeLabels(dots, { named: dots.filter(({ point }) => named.has(point)), lines, left: L, right: W, top: 0, bottom: H - B })) {
      if (far) svg.append(drawn("path", { class: "leader", d: `M${dot.x} ${dot.y}L${x} ${y - 4}` }));
      svg.append(drawn("text", { class: "name", x, y, "text-anchor": anchor }, dot.name));
    }
    return svg;
  }

  for (const choice of [score, by]) choice.addEventListener("change", () => { touched = true; draw(); changed(); });
  return {
    costOf: (kind, section, column, of) => PRICES[kind](rowsOf(section, column, of), of),
    scores,
    draw,
    remember(state) {
      if (!touched || !score.value) return;
      state.set("score", key(score.value));
      state.set("cost", by.value);
    },
    recall(state) {
      if (!state.has("score") && !state.has("cost")) return;
      touched = true;
      wanted = state.get("score");
      if ([...by.options].some((option) => option.value === state.get("cost"))) by.value = state.get("cost");
    },
  };
}
