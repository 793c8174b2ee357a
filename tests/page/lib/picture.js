// @ts-check
// Pictures of a page, looked at inside the browser, which can read them.

/** How many colours an element shows. @param {import("playwright-core").Page} page @param {string} selector */
export async function colors(page, selector) {
  const shot = (await page.locator(selector).screenshot({ animations: "disabled" })).toString("base64");
  return page.evaluate(async (shot) => {
    const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(shot), (letter) => letter.charCodeAt(0))]));
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.drawImage(picture, 0, 0);
    return new Set(new Uint32Array(context.getImageData(0, 0, picture.width, picture.height).data.buffer)).size;
  }, shot);
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
