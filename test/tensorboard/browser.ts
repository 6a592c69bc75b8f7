/** A headless Chromium that looks at TensorBoard's page. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Frame, type Locator, type Page } from 'playwright-core';
import { packageRoot } from '../../src/packageRoot.ts';
import { until } from './tensorboard.ts';

const executablePath = process.env['LOSSLENS_CHROMIUM'] ?? '/usr/bin/chromium';

/** Why tests in a browser are skipped, or false when they need not be. */
export const skipWithoutBrowser: string | false = existsSync(executablePath)
  ? false
  : `${executablePath} (Debian's package chromium, or $LOSSLENS_CHROMIUM) is not installed`;

/** Where pictures of the pages go. */
const screenshots = process.env['LOSSLENS_SCREENSHOTS'] ?? join(packageRoot, 'dist/screenshots');

/** Starts the browser; it sends nothing of its own to anyone. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
}

/** What is asked of the page's HTMLImageElement. */
interface DrawnImage {
  readonly src: string;
  readonly complete: boolean;
  readonly naturalWidth: number;
}

/** A page of TensorBoard. */
export class BoardPage {
  readonly page: Page;
  readonly #url: string;
  readonly #prefix: string;
  /** Bodies of the pictures that the browser was served, by URL. */
  readonly #served = new Map<string, Promise<Buffer>>();

  private constructor(page: Page, url: string, prefix: string) {
    this.page = page;
    this.#url = url;
    this.#prefix = prefix;
  }

  /**
   * Opens a page of its own.
   *
   * @param prefix  of the names of its screenshots
   */
  static async open(browser: Browser, url: string, prefix: string): Promise<BoardPage> {
    const page = await browser.newPage({ viewport: { width: 1500, height: 1100 } });
    page.setDefaultTimeout(120_000);
    const board = new BoardPage(page, url, prefix);
    page.on('response', (response) => {
      if (response.headers()['content-type'] !== 'image/png') return;
      const body = response.body();
      // Who asks for it is told.
      body.catch(() => {});
      board.#served.set(response.url(), body);
    });
    return board;
  }

  /** Goes to a tab and waits for what it shows. */
  async goTo(tab: string, shown: string): Promise<Locator> {
    await this.page.goto(`${this.#url}#${tab}`);
    const locator = this.page.locator(shown);
    await locator.first().waitFor();
    return locator;
  }

  /** Goes to the Projector tab, whose content is a page of its own. */
  async goToProjector(): Promise<Frame> {
    await this.goTo('projector', 'iframe');
    return await until(
      async () => this.page.frames().find((frame) => frame.url().includes('projector_binary')),
      (frame) => frame !== undefined,
      'the page of the Projector tab',
    ).then((frame) => frame!);
  }

  /** Keeps a picture of the page. */
  async screenshot(name: string): Promise<void> {
    mkdirSync(screenshots, { recursive: true });
    const file = `${this.#prefix}-${name.toLowerCase().replaceAll(' ', '-')}.png`;
    await this.page.screenshot({ path: join(screenshots, file) });
  }

  /** The bytes behind a picture on the page, once it is drawn. */
  async shownPng(image: Locator): Promise<Buffer> {
    await image.scrollIntoViewIfNeeded();
    for (;;) {
      const { src, isDrawn } = await image.evaluate((node: DrawnImage) => ({
        src: node.src,
        isDrawn: node.complete && node.naturalWidth > 0,
      }));
      const body = this.#served.get(src);
      if (isDrawn && body !== undefined) return body;
      await this.page.waitForTimeout(50);
    }
  }
}

/**
 * Moves a slider over the steps of a picture to its beginning and back, and compares what is shown.
 *
 * @param card    the picture's card
 * @param slider  what takes the keys
 * @param step    where the card tells the step
 * @param pngs    by step, ascending
 */
export async function checkSlider(
  board: BoardPage,
  card: Locator,
  slider: string,
  step: string,
  pngs: ReadonlyMap<number, Buffer>,
): Promise<void> {
  const image = card.locator('img');
  const steps = [...pngs.keys()];
  const expectShown = async (expected: number) => {
    await card
      .locator(step, { hasText: new RegExp(`^\\D*${expected}$`) })
      .first()
      .waitFor();
    // The label is ahead of the picture, which the page may replace by another element.
    await until(
      async () => {
        const png = await board.shownPng(image).catch(() => undefined);
        return png?.equals(pngs.get(expected)!) ?? false;
      },
      (isOurs) => isOurs,
      `our picture of step ${expected}`,
    );
  };
  await expectShown(steps.at(-1)!);
  await card.locator(slider).focus();
  await board.page.keyboard.press('Home');
  await expectShown(steps[0]!);
  await board.page.keyboard.press('ArrowRight');
  await expectShown(steps[1]!);
  await board.page.keyboard.press('End');
  await expectShown(steps.at(-1)!);
}
