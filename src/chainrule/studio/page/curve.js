/** Curves of a run's records, by name: {step, seconds, value}, three lists of one length; each has its own steps. */

const FEWEST = 20; // values from which on a running mean is drawn, as in the figures of a run

/** A curve as points to draw, {x, y}; a y of null is beyond what was looked at. */
export function pointsOf({ step, value } = { step: [], value: [] }) {
  return { x: step, y: value };
}

/** The running mean over a share of the values, an odd number of them; at the ends, of as many as there are. */
export function smoothed({ x, y }, share) {
  if (y.length < FEWEST || share === 0) {
    return { x, y };
  }
  const half = Math.max(1, Math.floor((y.length * share) / 2));
  const sums = [0];
  y.forEach((value, k) => sums.push(sums[k] + value));
  const mean = (_, k) => {
    const start = Math.max(0, k - half);
    const end = Math.min(y.length, k + half + 1);
    return (sums[end] - sums[start]) / (end - start);
  };
  return { x, y: y.map(mean) };
}

/** The place in rising numbers that stands nearest to one; -1 of none. */
export function nearest(numbers, wanted) {
  let low = 0;
  let high = numbers.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= wanted) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return high >= 0 && wanted - numbers[low] > numbers[high] - wanted ? high : Math.min(low, high);
}

/** The number below which so large a share of the values lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Add points to the curves that are there. */
export function extend(curves, more) {
  for (const [name, points] of Object.entries(more)) {
    curves[name] ??= { step: [], seconds: [], value: [] };
    for (const [list, values] of Object.entries(points)) {
      curves[name][list].push(...values);
    }
  }
}

/** The number of points of the longest curve. */
export function longest(curves) {
  return Math.max(0, ...Object.values(curves).map(({ step }) => step.length));
}
