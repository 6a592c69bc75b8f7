/** Numbers as the views write them: short. */

/** Some significant digits, with an exponent where that is shorter: "1.23", "0.0456", "1.2e−5". */
export function valueText(value: number, digits = 3): string {
  if (value === 0) return '0';
  const rounded = value.toPrecision(digits);
  const size = Math.abs(Number(rounded));
  let text = rounded;
  if (size >= 1e4 || size < 1e-3) text = value.toExponential(1);
  else if (size >= 10 ** digits) text = String(Math.round(value));
  return text.replace('e+', 'e').replaceAll('-', '−');
}

/** A contribution in nats with its sign: "+47.2", "−0.0123". */
export function signedText(value: number, digits = 3): string {
  return value > 0 ? `+${valueText(value, digits)}` : valueText(value, digits);
}

/** A probability with two digits: "0.98". */
export function probabilityText(probability: number): string {
  return probability.toFixed(2);
}

/** The smallest of 1, 2, 5 · 10^k that is not less than a value; 0 for 0. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  // A value that is one of them already must not be raised by an error of rounding.
  const factor = [1, 2, 5, 10].find((f) => f * power >= value * (1 - 1e-6))!;
  return Number((factor * power).toPrecision(1));
}

/**
 * Round numbers for the ticks of a scale from 0: at least three, steps of 1, 2 or 5 · 10^k.
 *
 * @param maximum  end of the scale
 * @returns        ascending, the first 0; [0] for a scale without length
 */
export function ticks(maximum: number): number[] {
  if (!(maximum > 0)) return [0];
  const step = [0.5, 0.4, 0.2]
    .map((share) => roundUp(maximum * share))
    .find((candidate) => maximum / candidate >= 2);
  const size = step ?? roundUp(maximum * 0.2);
  const count = Math.floor(maximum / size + 1e-6);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * size).toPrecision(3)));
}

/** Tick values with as many digits as tell them apart: "0.05", "0.10"; with an exponent if tiny. */
export function tickText(value: number, maximum: number): string {
  if (value === 0) return '0';
  if (maximum >= 1e4 || maximum < 1e-3) return valueText(value);
  const [, step = 0] = ticks(maximum);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return value.toFixed(digits);
}
