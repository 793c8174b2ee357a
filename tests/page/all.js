// @ts-check
// All tests in one process, so that they share their browsers: `npm test`.

import "./access.test.js";
import "./drive.test.js";
import "./first.test.js";
import "./follow.test.js";
import "./hostile.test.js";
import "./loads.test.js";
import "./looks.test.js";
import "./lost.test.js";
import "./offline.test.js";
