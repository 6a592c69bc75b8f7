/** Colour maps whose lightness rises evenly, so that equal steps of the value look equal. */

/** Red, green and blue, 0..255. */
export type Rgb = readonly [number, number, number];

/** Colour of values that are not numbers: the green of Okabe and Ito, which no colour map has. */
export const notANumber: Rgb = [0, 158, 115];

/**
 * A path through OKLCH, a space in which distances are as large as they look (Ottosson 2020).
 * Lightness alone tells the order of two colours, for every kind of colour vision and in print.
 */
interface ColorPath {
  /** Lightness at 0 and 1, 0..1. */
  readonly lightness: readonly [number, number];
  /** Hue at 0 and 1 in degrees. */
  readonly hue: readonly [number, number];
  /** Largest chroma, reached in the middle. */
  readonly chroma: number;
}

/** Colour maps by the name that --colormap takes. */
const colorPaths = {
  /** Near-black violet over red and orange to pale yellow. */
  ember: { lightness: [0.14, 0.97], hue: [-75, 105], chroma: 0.19 },
  /** Near-black blue over green to pale yellow. */
  ocean: { lightness: [0.14, 0.97], hue: [285, 105], chroma: 0.16 },
  /** Almost black to white. */
  grey: { lightness: [0.1, 1], hue: [0, 0], chroma: 0 },
} satisfies Record<string, ColorPath>;

/** The name of a colour map. */
export type ColormapName = keyof typeof colorPaths;
/** All names, the default first. */
export const colormapNames = Object.keys(colorPaths) as readonly ColormapName[];

/** OKLab to linear sRGB (Ottosson 2020). */
function toLinearRgb(l: number, a: number, b: number): [number, number, number] {
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}

/** Transfer function of sRGB (IEC 61966-2-1), 0..255. */
function encode(linear: number): number {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}

function colorAt({ lightness, hue, chroma }: ColorPath, t: number): Rgb {
  const l = lightness[0] + t * (lightness[1] - lightness[0]);
  const angle = ((hue[0] + t * (hue[1] - hue[0])) * Math.PI) / 180;
  // The most chroma, up to that of the path, that a screen can show at this lightness and hue.
  for (let c = chroma * Math.sin(Math.PI * (0.12 + 0.76 * t)); ; c = Math.max(0, c - 0.004)) {
    const rgb = toLinearRgb(l, c * Math.cos(angle), c * Math.sin(angle));
    if (c === 0 || rgb.every((value) => value >= 0 && value <= 1)) {
      return [encode(rgb[0]), encode(rgb[1]), encode(rgb[2])];
    }
  }
}

const tables = new Map<ColormapName, readonly Rgb[]>();

/** The 256 colours of a map, from value 0 to value 1. */
export function colormap(name: ColormapName): readonly Rgb[] {
  let table = tables.get(name);
  if (table === undefined) {
    table = Array.from({ length: 256 }, (_, i) => colorAt(colorPaths[name], i / 255));
    tables.set(name, table);
  }
  return table;
}
