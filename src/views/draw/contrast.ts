/** Text that can be read on any colour (WCAG 2.1). */
import type { Rgb } from './colormap.ts';
import { ink } from './drawing.ts';

/** Relative luminance, 0..1. */
function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** That of `ink.text`. */
const dark: Rgb = [0x1a, 0x1a, 0x1a];

/** The dark or the white ink, whichever has more contrast with a background. */
export function inkOn(background: Rgb): string {
  const behind = luminance(background) + 0.05;
  return behind / (luminance(dark) + 0.05) >= 1.05 / behind ? ink.text : ink.background;
}
