import assert from 'node:assert/strict';
import { test } from 'node:test';
import { colormap, colormapNames, type Rgb } from '../../../src/views/draw/colormap.ts';

function linear(channel: number): number {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

/** CIE 1976 L* of an sRGB colour, 0..100: another scale of lightness than the maps are made with. */
function lightness([r, g, b]: Rgb): number {
  const y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  return y > 216 / 24389 ? 116 * Math.cbrt(y) - 16 : (y * 24389) / 27;
}

/** What a reader without red or without green cones sees (Viénot, Brettel and Mollon 1999). */
function withoutCone([r, g, b]: Rgb, cone: 'long' | 'medium'): Rgb {
  const [lr, lg, lb] = [linear(r), linear(g), linear(b)] as const;
  const mixed = cone === 'long' ? 0.11238 * lr + 0.88762 * lg : 0.29275 * lr + 0.70725 * lg;
  const blue = cone === 'long' ? 0.00401 * (lr - lg) + lb : 0.02234 * (lg - lr) + lb;
  const encode = (value: number) => {
    const v = Math.min(1, Math.max(0, value));
    return 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  };
  return [encode(mixed), encode(mixed), encode(blue)];
}

for (const name of colormapNames) {
  const colors = colormap(name);
  test(`${name} gets lighter with every step of the value, by even amounts`, () => {
    assert.equal(colors.length, 256);
    const steps = colors.slice(8).map((color, i) => lightness(color) - lightness(colors[i]!));
    assert.ok(Math.min(...steps) > 0.5, `least ${Math.min(...steps)}`);
    assert.ok(Math.max(...steps) < 6, `most ${Math.max(...steps)}`);
    assert.ok(lightness(colors[0]!) < 3 && lightness(colors[255]!) > 94);
  });

  for (const cone of ['long', 'medium'] as const) {
    test(`${name} gets lighter for a reader without ${cone}-wave cones, too`, () => {
      const seen = colors.map((color) => lightness(withoutCone(color, cone)));
      seen.slice(8).forEach((value, i) => {
        assert.ok(value > seen[i]!, `colour ${i + 8}: ${value} after ${seen[i]}`);
      });
    });
  }
}
