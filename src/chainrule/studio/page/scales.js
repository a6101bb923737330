/** Axes: where a number stands between two ends, linearly or by its logarithm, and the round numbers to name there. */

const STEPS = [1, 2, 5, 10];

/** The share, from 0 to 1, at which a number stands between low and high. */
export function scaleOf(low, high, logarithmic = false) {
  const measure = logarithmic ? Math.log10 : Number;
  const start = measure(low);
  const range = measure(high) - start || 1;
  return (value) => (measure(value) - start) / range;
}

/** About so many round numbers between low and high. */
export function ticksOf(low, high, count, logarithmic = false) {
  return logarithmic && high / low > 8 ? decades(low, high, count) : rounds(low, high, count);
}

/** A number with as many decimals as the distance between ticks needs. */
export function labelOf(value, ticks) {
  const apart = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : Math.abs(value) || 1;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) {
    return value.toExponential().replace("+", "");
  }
  const decimals = Math.max(0, Math.min(6, -Math.floor(Math.log10(apart) + 1e-9)));
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function rounds(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = power * STEPS.find((step) => step * power >= rough * 0.999);
  const first = Math.ceil(low / apart - 1e-9);
  const last = Math.floor(high / apart + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => (first + k) * apart);
}

function decades(low, high, count) {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const within = last - first <= count / 2 ? [1, 2, 5] : [1];
  const skip = Math.max(1, Math.ceil((last - first) / count));
  const powers = Array.from({ length: last - first + 1 }, (_, k) => first + k).filter((power) => power % skip === 0);
  const all = powers.flatMap((power) => within.map((digit) => digit * 10 ** power));
  return all.filter((value) => value >= low && value <= high);
}
