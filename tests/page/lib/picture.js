// @ts-check
// Pictures of a page, looked at inside the browser, which can read them.

/**
 * How many pixels of a chart's curves are not ground; what lies over the canvas is not counted.
 * @param {import("playwright-core").Page} page @param {string} plot
 */
export async function ink(page, plot) {
  const show = (/** @type {string} */ visibility) => page.locator(plot).evaluate((plot, visibility) => {
    for (const part of plot.children) if (part.tagName !== "CANVAS") /** @type {HTMLElement} */ (part).style.visibility = visibility;
  }, visibility);
  await show("hidden");
  const shot = (await page.locator(plot).screenshot({ animations: "disabled" })).toString("base64");
  await show("");
  return inked(page, shot);
}

/** How many pixels of a picture have another colour than most. @param {import("playwright-core").Page} page @param {string} picture PNG in base 64 */
export function inked(page, picture) {
  return page.evaluate(async (picture) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0))]));
    const { width, height } = bitmap;
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(width, height).getContext("2d"));
    context.drawImage(bitmap, 0, 0);
    /** @type {Map<number, number>} */
    const colors = new Map();
    for (const color of new Uint32Array(context.getImageData(0, 0, width, height).data.buffer)) colors.set(color, (colors.get(color) ?? 0) + 1);
    return width * height - Math.max(...colors.values());
  }, picture);
}

/**
 * How far two pictures of one size are apart: the share of pixels that differ by more than `tolerance` (0 to 255) in any
 * channel from every pixel of the other within one pixel. Edges may be softened differently; shapes must agree.
 * @param {import("playwright-core").Page} page @param {Buffer} one @param {Buffer} other @param {number} tolerance
 */
export async function difference(page, one, other, tolerance) {
  const shots = [one, other].map((shot) => shot.toString("base64"));
  return page.evaluate(async ({ shots, tolerance }) => {
    const [a, b] = await Promise.all(shots.map(async (shot) => {
      const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(shot), (letter) => letter.charCodeAt(0))]));
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.drawImage(picture, 0, 0);
      return context.getImageData(0, 0, picture.width, picture.height);
    }));
    if (a.width !== b.width || a.height !== b.height) return { apart: 1, pixels: 0 };
    const near = (/** @type {ImageData} */ from, /** @type {ImageData} */ to, /** @type {number} */ x, /** @type {number} */ y) => {
      const at = 4 * (y * from.width + x);
      const is = (/** @type {number} */ u, /** @type {number} */ v) => {
        const there = 4 * (v * to.width + u);
        for (let part = 0; part < 3; part++) if (Math.abs(from.data[at + part] - to.data[there + part]) > tolerance) return false;
        return true;
      };
      if (is(x, y)) return true;
      for (let v = Math.max(0, y - 1); v <= Math.min(to.height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(to.width - 1, x + 1); u++) if (is(u, v)) return true;
      }
      return false;
    };
    let apart = 0;
    for (let y = 0; y < a.height; y++) for (let x = 0; x < a.width; x++) if (!near(a, b, x, y) || !near(b, a, x, y)) apart += 1;
    return { apart: apart / (a.width * a.height), pixels: a.width * a.height };
  }, { shots, tolerance });
}
