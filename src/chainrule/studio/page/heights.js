/** How high a chart reaches: what lies in the range that is seen, and which lines are let out of it above. */

import { quantile } from "./curve.js";

const SEEN = 0.95; // share of a pale line that decides on the height; the highest, mostly first, may lie above
const MOST = 4; // times the range of all else, to which a line that may leave can rise within the chart, as in loss.png

/**
 * The ends of the vertical axis, and the lines that rise above it, {name, most}. Levels count where the whole range is
 * seen. A line that is held may leave the chart where it rises far above its first value and all else.
 */
export function heightsOf(lines, levels, { range: [from, to], whole, logarithmic }) {
  const counts = (value) => value !== null && (!logarithmic || value > 0);
  const within = ({ x, y }) => y.filter((value, k) => x[k] >= from && x[k] <= to && counts(value));
  const found = lines.map((line) => ({ ...line, seen: within(line) })).filter(({ seen }) => seen.length > 0);
  const ends = found.map(({ name, seen, pale, held }) => {
    const high = pale ? quantile(seen, SEEN) : Math.max(...seen);
    return { name, low: Math.min(...seen), high, known: held ? seen[0] : high };
  });
  const named = whole ? levels.map(({ value }) => value) : [];
  const all = [...named, ...ends.flatMap(({ low, high }) => [low, high])];
  const [low, high] = all.length > 0 ? [Math.min(...all), Math.max(...all)] : [0, 1];
  if (logarithmic) {
    return { low: low > 0 ? low / 1.05 : 1, high: low > 0 ? high * 1.05 : 10, above: [] };
  }
  const known = Math.max(low, ...named, ...ends.map((end) => end.known));
  const most = known > low ? Math.min(high, low + MOST * (known - low)) : high;
  const margin = 0.05 * (most - low) || Math.abs(0.05 * most) || 1;
  const above = ends.filter((end) => end.known < end.high && end.high > most + margin);
  return { low: low - margin, high: most + margin, above: above.map((end) => ({ name: end.name, most: end.high })) };
}
