/** What is made of several measurements of one thing. */

/** The value in the middle; of an even number, the mean of the two there. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median, and how far from it the measurements went. */
export function summary(values) {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}
