/** The pointer on a chart: it stands at a step, a drag chooses a range of them, a double click all of them. */

const SHORTEST = 4; // pixels of a drag that chooses a range

/** Follow the pointer on a picture; stepAt(event) is the step under it, onchoose([from, to]) follows a drag. */
export function followPointer(picture, { stepAt, onstep, onrange, onchoose }) {
  let start = null;
  const on = (name, act) => picture.addEventListener(name, act);
  const stop = () => {
    start = null;
    onchoose(null);
  };
  on("pointerdown", (event) => {
    start = event.button === 0 ? { x: event.clientX, step: stepAt(event) } : null;
  });
  on("pointermove", (event) => {
    onstep(stepAt(event));
    if (start && event.buttons) {
      onchoose([start.step, stepAt(event)]);
    }
  });
  on("pointerup", (event) => {
    const dragged = start && Math.abs(event.clientX - start.x) >= SHORTEST;
    const ends = dragged ? [start.step, stepAt(event)].sort((a, b) => a - b) : null;
    stop();
    if (ends) {
      onrange(...ends);
    }
  });
  on("pointerleave", () => {
    stop();
    onstep(null);
  });
  on("dblclick", () => onrange());
}
