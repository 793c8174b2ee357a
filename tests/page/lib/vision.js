// @ts-check
// How far apart colours are for people who see them otherwise: Machado, Oliveira and Fernandes, "A physiologically-based
// model for simulation of color vision deficiency" (2009), at full severity, in linear RGB; distances are CIE 1976's.

/** @typedef {[number, number, number]} Triple */

/** Rows for red, green and blue. @type {Record<string, Triple[]>} */
const SIGHTS = {
  full: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
};
/** To CIE XYZ over the white of D65. @type {Triple[]} */
const XYZ = [[0.43388, 0.37622, 0.18990], [0.2126, 0.7152, 0.0722], [0.01772, 0.10947, 0.87285]];

/** The two colours that are nearest in any sight. @param {string[]} colors as `#rrggbb` */
export function nearest(colors) {
  let found = { sight: "", pair: ["", ""], distance: Infinity };
  for (const [sight, matrix] of Object.entries(SIGHTS)) {
    const seen = colors.map((color) => lab(times(matrix, linear(color)).map((part) => Math.min(1, Math.max(0, part)))));
    for (let one = 0; one < colors.length; one++) {
      for (let other = 0; other < one; other++) {
        const distance = Math.hypot(...seen[one].map((part, index) => part - seen[other][index]));
        if (distance < found.distance) found = { sight, pair: [colors[other], colors[one]], distance };
      }
    }
  }
  return found;
}

/** @param {string} color */
function linear(color) {
  return [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
}

/** @param {Triple[]} matrix @param {number[]} color */
function times(matrix, color) {
  return matrix.map((row) => row.reduce((sum, factor, at) => sum + factor * color[at], 0));
}

/** @param {number[]} color */
function lab(color) {
  const [x, y, z] = times(XYZ, color).map((part) => (part > 0.008856 ? Math.cbrt(part) : 7.787 * part + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
