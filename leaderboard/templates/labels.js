// Places of labels beside their own dots, as far from other labels, dots, bars and lines as there is room.
function placeLabels(dots, { named, lines, left, right, top, bottom }) {
  const meets = (a, b) => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
  const beside = [4, -9, 17].flatMap((down) => [[8, down, "start"], [-8, down, "end"]]);
  const further = [-22, 30, -35, 43, -48, 56].flatMap((down) => [[8, down, "start"], [-8, down, "end"]]);
  const places = [...beside, [0, -10, "middle"], [0, 20, "middle"], ...further];
  const marks = dots.map((dot) => ({ dot, x0: dot.x - 5, x1: dot.x + 5, y0: dot.y - 5, y1: dot.y + 5 }));
  const bars = dots.map((dot) => ({ x0: dot.x - 1.5, x1: dot.x + 1.5, y0: dot.high, y1: dot.low }));
  const taken = [];
  return named.map((dot) => {
    const width = 6.8 * dot.name.length;
    const tried = places.map(([across, down, anchor], order) => {
      const x = dot.x + across;
      const far = Math.abs(down - 4) > 16;
      const from = { start: x, end: x - width, middle: x - width / 2 }[anchor];
      const box = { x0: from, x1: from + width, y0: dot.y + down - 10, y1: dot.y + down + 3 };
      const count = (others) => others.filter((other) => meets(box, other)).length;
      const outside = box.x0 < left || box.x1 > right || box.y0 < top || box.y1 > bottom;
      return { x, y: dot.y + down, anchor, box, far, price: 1000 * count(taken) + 800 * outside +
        100 * count(marks.filter((mark) => mark.dot !== dot)) + 12 * count(bars) + 5 * count(lines) + order + 20 * far };
    });
    const best = tried.reduce((one, other) => other.price < one.price ? other : one);
    taken.push(best.box);
    return { ...best, dot };
  });
}
