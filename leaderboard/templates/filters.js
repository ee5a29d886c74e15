// Choosing representations by licence, training data, size and layer; and what can be downloaded.
function makeFilters({ data, controls, make }) {
  const { choices, of, bibliography, licences, common } = data.facets;
  const box = document.getElementById("facets");
  const selects = choices.map((key) => controls.elements[key]);
  const active = () => selects.filter((select) => select.value).length;
  // Published rows say nothing of these: a choice leaves them out.
  const fits = (number) => selects.every((select, place) => !select.value ||
    (number !== undefined && of[number][place] === select.selectedIndex - 1));
  const count = () => {
    box.querySelector("summary").textContent = active() ? `Filters: ${active()}` : "Filters";
  };
  const save = (name, kind, text) => {
    const link = make("a", undefined, { download: name, href: URL.createObjectURL(new Blob([text], { type: kind })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  // A list of choices closes when the pointer or the focus goes elsewhere, and on Escape.
  for (const menu of document.querySelectorAll("#controls details")) {
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("focusout", ({ relatedTarget }) => { if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false; });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      if (menu.contains(document.activeElement) || document.activeElement === document.body) menu.firstElementChild.focus();
    });
  }

  // Texts that a spreadsheet would take for a formula get an apostrophe; numbers are ours.
  const quoted = (text) => `"${String(text).replace(/^[=+\-@＝＋－＠]/, "'$&").replaceAll('"', '""')}"`;
  function csv(shown, { headText, interval, number, costOf }) {
    const lines = ["representation,split,protocol,table,column,score,low,high,rank_group,at_chance,overlap,licence,dims,parameters,embedding_seconds"];
    const truth = (value) => value ? "yes" : "no";
    for (const section of shown) {
      const { split, protocol } = section.element.dataset;
      for (const { row, of: whose, name, cells } of section.bodies.filter((part) => part.measured).flatMap((part) => part.lines)) {
        if (row.hidden) continue;
        section.keys.forEach((key, place) => {
          const button = place > 1 && !section.hidden.has(key) && cells[place].querySelector("button");
          if (!button) return;
          lines.push([...[name, split, protocol, section.title, headText(section, key)].map(quoted), number(button.firstChild.textContent),
            ...interval(cells[place]), parseInt(button.querySelector("sup").textContent, 10) || "",
            truth(cells[place].querySelector("small")?.textContent.startsWith("≈ chance")), truth(cells[place].querySelector("b")),
            quoted(licences[of[whose].at(-2)]), ...["dims", "parameters", "seconds"].map((kind) => costOf(kind, section, key, whose) ?? "")].join(","));
        });
      }
    }
    return `${lines.join("\n")}\n`;
  }
  function bibtex(shown) {
    const seen = new Set();
    for (const section of shown) {
      for (const { row, of: number } of section.bodies.filter((part) => part.measured).flatMap((part) => part.lines)) {
        const cited = of[number].at(-1);
        if (!row.hidden && cited !== null) seen.add(cited);
      }
    }
    return [...common, ...bibliography.filter((_, place) => seen.has(place))].join("\n");
  }
  return {
    fits,
    active,
    listen(changed) {
      for (const select of selects) select.addEventListener("change", () => { count(); changed(); });
    },
    clear() {
      for (const select of selects) select.value = "";
      count();
    },
    offer({ shown, ...tools }) {
      const [table, references] = document.querySelectorAll("#downloads button");
      document.getElementById("downloads").hidden = false;
      table.addEventListener("click", () => {
        const { split, protocol } = controls.elements;
        save(`mirbench-${split.value}-${protocol.value}.csv`, "text/csv", csv(shown(), tools));
      });
      references.addEventListener("click", () => save("mirbench.bib", "application/x-bibtex", bibtex(shown())));
    },
    remember(state) {
      for (const select of selects) if (select.value) state.set(select.name, select.value);
    },
    recall(state) {
      for (const select of selects) {
        const wanted = [...select.options].find((option) => option.value === state.get(select.name));
        if (wanted) wanted.selected = true;
      }
      count();
    },
    parameters: (number) => of[number][choices.length],
  };
}
