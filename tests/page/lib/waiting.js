// @ts-check
// Waits that end: each names what it waits for, so that a test which cannot go on says why instead of hanging.

/** What a slow machine may need for one thing. */
export const PATIENCE_MS = 30_000;

/**
 * A promise that is given up after `ms`.
 * @template T @param {string} what @param {Promise<T>} promise @param {number} [ms] @returns {Promise<T>}
 */
export function within(what, promise, ms = PATIENCE_MS) {
  /** @type {NodeJS.Timeout} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms / 1000} s for ${what}`)), ms);
  });
  return /** @type {Promise<T>} */ (Promise.race([promise, late]).finally(() => clearTimeout(timer)));
}

/**
 * Waits until `test` holds in the page.
 * @template A @param {import("playwright-core").Page} page @param {string} what @param {(argument: A) => unknown} test
 * @param {A} [argument] @param {number} [ms]
 */
export async function until(page, what, test, argument, ms = PATIENCE_MS) {
  try {
    await page.waitForFunction(/** @type {any} */ (test), argument, { timeout: ms });
  } catch (error) {
    const status = await within("the page's status", page.locator("#status").innerText({ timeout: 1000 }), 2000).catch(() => "");
    throw new Error(`waited ${ms / 1000} s for ${what}; the page says: "${status}"`, { cause: error });
  }
}

/**
 * Waits until `test` holds here.
 * @param {string} what @param {() => boolean} test @param {number} [ms]
 */
export async function eventually(what, test, ms = PATIENCE_MS) {
  for (const start = Date.now(); !test(); ) {
    if (Date.now() - start > ms) throw new Error(`waited ${ms / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
