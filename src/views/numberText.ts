/** Numbers as the views write them: short. */

/** Three significant digits, with an exponent where that is shorter: "1.23", "0.0456", "1.2e-5". */
export function valueText(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size >= 1e4 || size < 1e-3 ? value.toExponential(1) : value.toPrecision(3);
  return text.replace('e+', 'e').replace('-', '−');
}

/** A probability with two digits: "0.98". */
export function probabilityText(probability: number): string {
  return probability.toFixed(2);
}
