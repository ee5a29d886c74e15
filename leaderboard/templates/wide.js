"use strict";
// A table that is wider than the page says so, and how much of it there is to come.
function makeHints() {
  const boxes = [...document.querySelectorAll(".scroll")].map((box) => {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.hidden = true;
    hint.setAttribute("aria-hidden", "true");
    box.before(hint);
    return { box, hint, heads: [...box.querySelectorAll("thead th")] };
  });
  function hints() {
    for (const { box, hint, heads } of boxes) {
      const edge = box.getBoundingClientRect().right;
      const left = heads.filter((head) => head.offsetWidth && head.getBoundingClientRect().right > edge + 1).length;
      hint.hidden = !box.offsetWidth || box.scrollWidth <= box.clientWidth + 1;
      box.classList.toggle("more", left > 0);
      hint.textContent = left ? `${left} more column${left === 1 ? "" : "s"}: scroll sideways \u2192` : "\u2190 scroll back";
    }
  }
  for (const { box } of boxes) box.addEventListener("scroll", hints, { passive: true });
  addEventListener("resize", hints);
  return hints;
}
